"""Options of the command line: ``key=value`` items, and overriding a config with them."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rgbtvg.engine.arguments import accepted_keys, nearest, unknown_argument
from rgbtvg.engine.config_text import is_name, literal
from rgbtvg.engine.references import Values, expand_reference
from rgbtvg.errors import ConfigError

WORDS = {"true": True, "false": False, "none": None}


def parse_options(items: Sequence[str]) -> dict[str, Any]:
    """Parse ``['a.b=1', 'c=[x,y]', 'd=dict(e=2)']`` into a mapping of dotted key to value.

    A value is a Python literal, ``true``, ``false`` or ``none``, a list of such values with or without brackets and
    quotes, or else a string.

    Raises:
        ConfigError: an item is not ``key=value``, or its value is an incomplete or unsafe literal.
    """
    options: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise ConfigError(f"--cfg-options takes key=value, got {item!r}")
        if not all(is_name(part) or part.isdecimal() for part in key.removeprefix("+").split(".")):
            raise ConfigError(f"--cfg-options takes dotted names such as model.width=64, got {item!r}")
        options[key] = _value(text.strip(), item)
    return options


def _value(text: str, item: str) -> Any:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return literal(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        pass
    if "{" in text or "dict(" in text:
        raise ConfigError(f"--cfg-options takes Python values such as [dict(a=1, b='c')], got {item!r}")
    brackets = text[:1] + text[-1:] if text else ""
    if brackets in ("[]", "()"):
        parts = [_value(part.strip(), item) for part in _split(text[1:-1])]
        return tuple(parts) if brackets == "()" else parts
    parts = _split(text)
    if len(parts) > 1:
        return [_value(part.strip(), item) for part in parts]
    try:
        return float(text)  # nan and inf, which literals lack
    except ValueError:
        return text


def _split(text: str) -> list[str]:
    """Split at the commas that are outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts if parts[-1].strip() else parts[:-1] or [""]


def apply_options(values: Values, options: Mapping[str, Any]) -> None:
    """Override `values`, whose references are not resolved yet, in place.

    A key that goes inside of a reference replaces it there by a copy of what it stands for. Dicts are merged; one with
    ``_delete_=True`` replaces. Shorter keys are applied first.

    Args:
        values: of a config.
        options: dotted key -> value. A key must exist, or be an argument of the class that the ``type`` next to it
            names; ``+key`` adds any.

    Raises:
        ConfigError: an unknown key, or a value of another kind than the one that it replaces.
    """
    empty: set[str] = set()
    for key, value in sorted(options.items(), key=lambda option: option[0].count(".")):
        _override(values, key, value, empty)


def _override(values: Values, key: str, value: Any, empty: set[str]) -> None:
    """Apply one option; `empty` collects the places that were empty dicts before the options: any key fits there."""
    adds = key.startswith("+")
    *parents, last = key.removeprefix("+").split(".")
    node: Any = values
    for depth, part in enumerate(parents):
        place = ".".join(parents[:depth]) or "the config"
        index = _index(node, part, place)
        if isinstance(node, dict) and part not in node:
            _check_new(node, part, place, key, adds, empty)
            node[part] = {}
        node[index] = expand_reference(values, node[index])
        if isinstance(node[index], tuple):
            node[index] = list(node[index])
        if node[index] is None:
            node[index] = {}
        if not isinstance(node[index], (dict, list)):
            raise ConfigError(f"{key}: {'.'.join(parents[: depth + 1])} is {node[index]!r} and has no parts")
        node = node[index]
    place = ".".join(parents) or "the config"
    index = _index(node, last, place)
    if isinstance(node, dict) and last not in node:
        _check_new(node, last, place, key, adds, empty)
        node[last] = _without_delete(value)
        return
    old = expand_reference(values, node[index])
    _check_kind(key, old, value)
    node[index] = _merged(values, key, old, value, adds, empty) if isinstance(value, dict) else value


def _index(node: Any, part: str, place: str) -> Any:
    if isinstance(node, dict):
        return part
    if not part.isdecimal() or int(part) >= len(node):
        raise ConfigError(f"{place} is a list of {len(node)}: its parts are 0 to {len(node) - 1}, got {part!r}")
    return int(part)


def _check_new(node: Mapping[str, Any], part: str, place: str, key: str, adds: bool, empty: set[str]) -> None:
    """Check a key that is not in `node`."""
    if not node and place != "the config":
        empty.add(place)
    if adds or place in empty:
        return
    name, accepted = accepted_keys(place, node)
    if accepted is None or part in accepted:
        return
    if accepted:
        raise ConfigError(f"unknown option {key}: {unknown_argument(name, part, accepted)}")
    raise ConfigError(
        f"unknown option {key}: {place} has no {part!r}{nearest(part, node)}; +{key}=... adds it on purpose"
    )


def _check_kind(key: str, old: Any, new: Any) -> None:
    """Refuse a value that cannot be meant where `old` was."""
    number = isinstance(new, (int, float)) and not isinstance(new, bool)
    was_number = isinstance(old, (int, float)) and not isinstance(old, bool)
    if isinstance(new, float) and not math.isfinite(new):
        raise ConfigError(f"{key} must be finite, got {new}")
    if isinstance(new, str) and new.startswith("$"):
        return
    if isinstance(old, dict) and not isinstance(new, (dict, list, tuple, type(None))):
        example = next(iter(old), "key")
        raise ConfigError(f"{key} is a dict: override one of its keys, such as {key}.{example}=..., got {new!r}")
    if was_number and not (number or isinstance(new, (list, tuple, dict, type(None)))):
        raise ConfigError(f"{key} is a number ({old!r}), got {new!r}")
    if isinstance(old, bool) and (isinstance(new, str) or (number and new not in (0, 1))):
        raise ConfigError(f"{key} is True or False, got {new!r}")
    if isinstance(old, str) and (number or isinstance(new, bool)):
        raise ConfigError(f"{key} is a string such as {old!r}, got {new!r}; a string of digits needs quotes: \"'1'\"")
    if isinstance(old, (list, tuple)) and (number or isinstance(new, bool)):
        raise ConfigError(f"{key} is a list such as {old!r}, got {new!r}")


def _merged(values: Values, key: str, old: Any, new: dict[str, Any], adds: bool, empty: set[str]) -> Any:
    if not isinstance(old, dict) or new.get("_delete_"):
        return _without_delete(new)
    result = dict(old)
    if "type" in new:
        result["type"] = new["type"]  # its arguments are the ones that are accepted
    for part, item in new.items():
        if part == "_delete_":
            continue
        if part not in result:
            _check_new(result, part, key, f"{key}.{part}", adds, empty)
            result[part] = _without_delete(item)
            continue
        inner = expand_reference(values, result[part])
        _check_kind(f"{key}.{part}", inner, item)
        result[part] = _merged(values, f"{key}.{part}", inner, item, adds, empty) if isinstance(item, dict) else item
    return result


def _without_delete(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_delete(item) for key, item in value.items() if key != "_delete_"}
    return value
