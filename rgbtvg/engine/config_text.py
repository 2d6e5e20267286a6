"""The text of a config: one assignment of plain data per line, written and read without running any code."""

from __future__ import annotations

import ast
import keyword
import math
from pathlib import Path
from typing import Any

from rgbtvg.errors import ConfigError, RGBTVGError

LINE = 120
MAX_CHARACTERS = 1_000_000
SCALARS = (str, int, float, bool, type(None))


def format_config(values: dict[str, Any]) -> str:
    """Write plain data as a config file; every string and key is escaped.

    Raises:
        ConfigError: see :func:`check_plain`.
    """
    check_plain(values, "the config")
    return "".join(f"{key} = {_literal(value, 0, len(key) + 3)}\n" for key, value in values.items())


def check_plain(values: dict[str, Any], source: str | Path) -> None:
    """Check that a config holds nothing but str, finite numbers, bool, None, and lists, tuples and dicts of them.

    Raises:
        ConfigError: naming the first value that is anything else.
    """

    def check(value: Any, place: str) -> None:
        if type(value) is dict:
            for key, item in value.items():
                if type(key) is not str:
                    raise ConfigError(f"{source}: {place} has the key {key!r}, but the keys of a config are strings")
                check(item, f"{place}.{key}")
        elif type(value) in (list, tuple):
            for index, item in enumerate(value):
                check(item, f"{place}.{index}")
        elif type(value) not in SCALARS or (type(value) is float and not math.isfinite(value)):
            kind = "not a finite number" if type(value) is float else f"a {type(value).__name__}"
            raise ConfigError(
                f"{source}: {place} is {kind}, but a config holds only str, int, float, bool, None, list, tuple, dict"
            )

    for key, value in values.items():
        if not is_name(key):
            raise ConfigError(f"{source}: {key!r} is not a valid name of a config value")
        check(value, key)


def is_name(key: Any) -> bool:
    """Whether `key` is an ASCII identifier that may be assigned to."""
    return isinstance(key, str) and key.isascii() and key.isidentifier() and not keyword.iskeyword(key)


def parse_config_text(text: str, source: str | Path, error: type[RGBTVGError] = ConfigError) -> dict[str, Any]:
    """Read assignments of literals and ``dict(key=value)`` calls; nothing is executed.

    Args:
        text: as :func:`format_config` writes it; MMEngine's dumps have the same form.
        source: for the message.
        error: class of the error to raise.

    Raises:
        RGBTVGError: of class `error`, if the text is longer than `MAX_CHARACTERS` or anything but such assignments.
    """
    values: dict[str, Any] = {}
    try:
        if len(text) > MAX_CHARACTERS:
            raise ValueError(f"it has more than {MAX_CHARACTERS} characters")
        for statement in ast.parse(text).body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
                raise ValueError(f"line {statement.lineno} is not an assignment")
            if len(statement.targets) > 1:
                raise ValueError(f"line {statement.lineno} assigns twice")
            values[statement.targets[0].id] = literal(statement.value)
        check_plain(values, source)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, ConfigError) as reason:
        text = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
        raise error(
            f"the config in {source} is not plain data ({text}) and is not executed; give a config file instead"
        ) from None
    return values


def literal(node: ast.expr) -> Any:
    """Value of an expression of literals and ``dict(key=value)``.

    Raises:
        ValueError: the expression is anything else.
    """
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id != "dict" or node.args:
            raise ValueError(f"only dict(key=value) may be called, not {ast.unparse(node)[:60]}")
        if not all(word.arg for word in node.keywords):
            raise ValueError("dict(**...) is not a literal")
        return {str(word.arg): literal(word.value) for word in node.keywords}
    if isinstance(node, ast.Dict):
        if not all(node.keys):
            raise ValueError("{**...} is not a literal")
        pairs = zip(node.keys, node.values, strict=True)
        return {ast.literal_eval(key): literal(item) for key, item in pairs if key}
    if isinstance(node, ast.List):
        return [literal(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(literal(item) for item in node.elts)
    return ast.literal_eval(node)


def _literal(value: Any, indent: int, used: float) -> str:
    """Python source of `value`, broken into lines where it does not fit behind `used` characters."""
    if not isinstance(value, (dict, list, tuple)) or not value:
        return repr(value)
    named = isinstance(value, dict) and all(is_name(key) for key in value)
    if isinstance(value, dict):
        starts = [f"{key}=" if named else f"{key!r}: " for key in value]
        first, last = ("dict(", ")") if named else ("{", "}")
        items = list(value.values())
    else:
        starts, items = [""] * len(value), list(value)
        first, last = ("[", "]") if isinstance(value, list) else ("(", ")")
    flat = ", ".join(start + _literal(item, 0, -math.inf) for start, item in zip(starts, items, strict=True))
    if isinstance(value, tuple) and len(value) == 1:
        flat += ","
    if used + len(first) + len(flat) + 1 < LINE:
        return f"{first}{flat}{last}"
    inner = indent + 4
    parts = [
        f"{' ' * inner}{start}{_literal(item, inner, inner + len(start))},\n"
        for start, item in zip(starts, items, strict=True)
    ]
    return f"{first}\n{''.join(parts)}{' ' * indent}{last}"
