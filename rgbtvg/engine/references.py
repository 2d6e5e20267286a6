"""Late references of configs: ``'$name'`` stands for the top-level value `name`.

A finished config has the values in their places, so that anybody can read what ran. Its ``composition`` keeps where
they came from: ``references``, such as ``modality=dict(digest='2f0c...', places=['model/modality', ...])``, and
``before_data``, what ``data=`` replaced. When such a config is read again, a place that still holds what it was given
says ``'$modality'`` again, and an override of ``modality`` reaches it as it would in the file that the run began with.
A place that was edited keeps its edit.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rgbtvg.errors import ConfigError

REFERENCE = re.compile(r"\$[A-Za-z_]\w*")
Values = dict[str, Any]
Place = tuple[str, ...]
"""Keys and list positions from the top to a value."""


def resolve_references(values: Values) -> Values:
    """A copy of top-level `values` in which every string ``'$name'`` is the value `name`.

    Raises:
        ConfigError: no such value, or values that refer to each other in a circle.
    """

    def resolved(value: Any, path: tuple[str, ...]) -> Any:
        name = _referred(value)
        if name is None:
            return _rebuilt(value, lambda _, item: resolved(item, path))
        if name in path:
            raise ConfigError(f"config values refer to each other in a circle: {' -> '.join((*path, name))}")
        if name not in values:
            close = difflib.get_close_matches(name, values, 1)
            raise ConfigError(f"the config says '${name}' but has no value {name!r}" + (f"; {close[0]}?" * bool(close)))
        return copy.deepcopy(resolved(values[name], (*path, name)))

    return {key: resolved(value, (key,)) for key, value in values.items()}


def record_references(values: Values, resolved: Values) -> Values:
    """Name -> digest of its resolved value and the places (sorted, keys joined by ``/``) that refer to it."""
    places: dict[str, list[str]] = {}
    for place, value in _leaves(values):
        name = _referred(value)
        if name is not None:
            places.setdefault(name, []).append("/".join(place))
    return {name: dict(digest=digest(resolved[name]), places=sorted(found)) for name, found in sorted(places.items())}


def restore_references(
    values: Values, references: Mapping[str, Any], options: Iterable[str], path: str | Path
) -> Values:
    """A copy of resolved `values` with references where `references` says that they were and nothing was edited.

    Args:
        values: a finished config's.
        references: of :func:`record_references`.
        options: dotted keys of the overrides that will follow.
        path: the config's file, for errors.

    Raises:
        ConfigError: an override would not reach a place because that was edited.
    """
    names = {tuple(place.split("/")): name for name, entry in references.items() for place in entry["places"]}
    edited: dict[Place, str] = {}

    def restored(place: Place, value: Any) -> Any:
        name = names.get(place)
        if name is not None and name in values:
            if digest(value) == references[name]["digest"]:
                return f"${name}"
            edited[place] = name
        return _rebuilt(value, lambda key, item: restored((*place, key), item))

    result = {key: restored((key,), value) for key, value in values.items()}
    _check_reach(result, edited, [tuple(option.split(".")) for option in options], path)
    return result


def open_references(values: Values, options: Mapping[str, Any]) -> None:
    """Where an override goes inside of a reference, put what that stands for in its place, references within it kept.

    ``model.data_preprocessor.pad_id=1`` turns ``model = dict(data_preprocessor='$data_preprocessor')`` into a dict of
    the model's own that the override then changes.
    """
    for option, value in options.items():
        parts = option.split(".")
        node: Any = values
        for part in parts if isinstance(value, dict) else parts[:-1]:
            key = int(part) if isinstance(node, list) and part.isdigit() else part
            if not ((isinstance(node, dict) and key in node) or (isinstance(node, list) and key in range(len(node)))):
                break
            seen: set[str] = set()
            while (name := _referred(node[key])) in values.keys() - seen:
                seen.add(name)
                node[key] = copy.deepcopy(values[name])
            node = node[key]


def refuse_unrecorded(values: Values, options: Iterable[str], path: str | Path) -> None:
    """Refuse overrides of a written-out config without a record that may have gone into its parts by value.

    Raises:
        ConfigError: such an override.
    """
    for root in sorted({option.split(".")[0] for option in options} & values.keys()):
        others = {key: value for key, value in values.items() if key != root}
        if any(_contains(value, values[root]) for value in others.values()):
            raise ConfigError(
                f"{path} is written out without a record of what it was composed of, so {root} would not reach the "
                "parts made from it: name the config file it came from"
            )


def _check_reach(values: Values, edited: Mapping[Place, str], options: list[Place], path: str | Path) -> None:
    """Refuse an override that an edited place would not feel."""
    roots = {option[0] for option in options}
    for place, name in edited.items():
        missed = roots & _composed_of(name, values)
        named = any(option[: len(place)] == place[: len(option)] for option in options)
        if missed and not named:
            raise ConfigError(
                f"{sorted(missed)[0]} does not reach {'.'.join(place)}, which was edited in {path}: change it there "
                f"too, or name the config file it came from"
            )


def _composed_of(name: str, values: Values) -> set[str]:
    """The name and all that its value refers to."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += [inner for _, leaf in _leaves(values.get(name)) if (inner := _referred(leaf)) is not None]
    return found


def _referred(value: Any) -> str | None:
    """`name` of ``'$name'``."""
    return value[1:] if isinstance(value, str) and REFERENCE.fullmatch(value) else None


def _rebuilt(value: Any, change: Callable[[str, Any], Any]) -> Any:
    """A container with ``change(key, item)`` for its items; anything else as it is."""
    if isinstance(value, dict):
        return {key: change(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(change(str(index), item) for index, item in enumerate(value))
    return value


def _leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Everything that is no container, with its place."""
    if isinstance(value, dict):
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        yield place, value
        return
    for key, item in items:
        yield from _leaves(item, (*place, str(key)))


def _contains(value: Any, wanted: Any) -> bool:
    if type(value) is type(wanted) and value == wanted:
        return True
    if isinstance(value, dict):
        return any(_contains(item, wanted) for item in value.values())
    return isinstance(value, (list, tuple)) and any(_contains(item, wanted) for item in value)


def digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
