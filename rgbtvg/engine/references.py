"""References in configs: the string ``'$name'`` stands for the top-level value `name`.

Checkpoints and work dirs carry the config with its references, so that an override of ``modality`` reaches every
``'$modality'`` in them as well.
"""

from __future__ import annotations

import copy
import difflib
import re
from typing import Any

from rgbtvg.errors import ConfigError

REFERENCE = re.compile(r"\$[A-Za-z_]\w*")
MAX_VALUES = 200_000
MAX_DEPTH = 60
Values = dict[str, Any]


def referred(value: Any) -> str | None:
    """`name` if `value` is the string ``'$name'``, else None."""
    return value[1:] if isinstance(value, str) and REFERENCE.fullmatch(value) else None


def resolve_references(values: Values) -> Values:
    """Return a copy of the top-level `values` with every reference replaced by what it stands for.

    Raises:
        ConfigError: a reference to a missing value, a circle of references, or a config that grows beyond
            `MAX_VALUES` values or `MAX_DEPTH` levels.
    """
    count = 0

    def resolve(value: Any, chain: tuple[str, ...], depth: int) -> Any:
        nonlocal count
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise ConfigError(f"the config has more than {MAX_VALUES} values or {MAX_DEPTH} levels: {chain[0]} grows")
        name = referred(value)
        if name is not None:
            if name in chain:
                raise ConfigError(f"config values refer to each other in a circle: {' -> '.join((*chain, name))}")
            if name not in values:
                close = difflib.get_close_matches(name, values, 1)
                raise ConfigError(
                    f"{chain[0]} refers to '${name}', which the config does not define"
                    + f"; did you mean '${close[0]}'?" * bool(close)
                )
            return resolve(values[name], (*chain, name), depth + 1)
        if isinstance(value, dict):
            return {key: resolve(item, chain, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(resolve(item, chain, depth + 1) for item in value)
        return value

    return {key: resolve(value, (key,), 0) for key, value in values.items()}


def expand_reference(values: Values, value: Any) -> Any:
    """Return what a reference stands for as a copy of its own, with the references inside it kept."""
    seen: set[str] = set()
    while (name := referred(value)) is not None and name in values and name not in seen:
        seen.add(name)
        value = copy.deepcopy(values[name])
    return value


def references_in(value: Any) -> set[str]:
    """Names that `value` refers to, at any depth."""
    name = referred(value)
    if name is not None:
        return {name}
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return set().union(*(references_in(item) for item in items))
