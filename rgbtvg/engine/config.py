"""Load a config: read the file, override it, resolve its references, and check every argument in it."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from rgbtvg.engine.arguments import check_arguments
from rgbtvg.engine.assignments import check_assignments
from rgbtvg.engine.config_files import find_config, with_shipped_files
from rgbtvg.engine.config_text import check_plain, format_config
from rgbtvg.engine.dataset_configs import put_dataset
from rgbtvg.engine.options import apply_options
from rgbtvg.engine.references import Values, expand_reference, references_in, resolve_references
from rgbtvg.errors import ConfigError, first_line
from rgbtvg.registry import SCOPE


class RunConfig(Config):
    """A resolved config that is written out with its references.

    Reading gives resolved values. `pretty_text` and `dump`, and so work dirs and checkpoints, hold the flattened
    config before its references were resolved; loading that again accepts the same overrides as the original file.

    Args:
        source: values with references.
        filename: whose stem names the run.
    """

    def __init__(self, source: Values, filename: str) -> None:
        super().__init__(resolve_references(source), cfg_text="# with references: pretty_text", filename=filename)
        object.__setattr__(self, "_source", source)

    weights: int | None = None
    """Tensor elements of the checkpoint that the config came with; None for a config file."""

    @property
    def pretty_text(self) -> str:
        """The config with its references, as a file that runs again."""
        return format_config(unresolved(self))

    def __reduce__(self) -> Any:
        return _from_parts, (self._source, self.to_dict(), self.filename)

    @property
    def resolved_text(self) -> str:
        """The config with every reference replaced, for reading only."""
        return format_config(self.to_dict())

    def without(self, names: Collection[str], filename: str) -> RunConfig:
        """A copy that lacks some of the top-level values, under another name."""
        source, values = unresolved(self), self.to_dict()
        # A part that refers to one that goes keeps what it refers to.
        kept = {key: values[key] if references_in(part) & {*names} else part for key, part in source.items()}
        copied = _from_parts(
            {key: part for key, part in kept.items() if key not in names},
            {key: value for key, value in values.items() if key not in names},
            filename,
        )
        object.__setattr__(copied, "weights", self.weights)
        return copied


def load_config(
    path: str | Path, options: Mapping[str, Any] | None = None, work_dir: str | Path | None = None
) -> RunConfig:
    """Load a config file.

    Args:
        path: the file, or the name of a config of the project such as ``hivg_b16``. Python configs are programs: load
            only files that you trust.
        options: overrides, dotted key -> value, see :func:`~rgbtvg.engine.options.apply_options`.
        work_dir: output folder; by default the config's own, or ``work_dirs/<config name>``.

    Raises:
        ConfigError: there is no such file (the nearest names are given), it is not a valid config, an option is
            unknown, or an argument does not belong to its class.
    """
    path = find_config(path)
    try:
        values = Config.fromfile(str(path)).to_dict()
    except Exception as error:
        # A config is a Python program and may fail in any way of its own.
        raise _unreadable(path, error) from error
    check_plain(values, path)
    check_assignments(path, values)
    return compose(values, options, path, work_dir)


def override(config: Config, options: Mapping[str, Any] | None) -> RunConfig:
    """Return a copy of a loaded config with overrides; edits made to it since loading are kept.

    Raises:
        ConfigError: see :func:`load_config`.
    """
    name = config.filename or f"{config.get('config_name', 'config')}.py"
    return compose(unresolved(config), options, Path(name), None)


def compose(
    values: Values,
    options: Mapping[str, Any] | None,
    path: Path,
    work_dir: str | Path | None,
) -> RunConfig:
    """Put the dataset and the overrides into a file's values, resolve the references and check the result.

    Raises:
        ConfigError: see :func:`load_config`.
    """
    return finish(with_overrides(values, options, path), path, work_dir)


def with_overrides(values: Values, options: Mapping[str, Any] | None, path: Path, near: bool = True) -> Values:
    """Values with references, with the dataset that they or the options name and with the overrides.

    Args:
        values: with references.
        options: see :func:`load_config`.
        path: the config's file.
        near: also look for the dataset in the folders around `path`; its file is a program.

    Raises:
        ConfigError: see :func:`load_config`.
    """
    values = dict(values)
    options = {key: str(value) if isinstance(value, Path) else value for key, value in (options or {}).items()}
    own = values.pop("data", None)
    data = options.pop("data", own)
    if data is not None and not isinstance(data, str):
        raise ConfigError(f"data is the name of a dataset config such as 'refcoco_plus', got {data!r}")
    try:
        if data:
            values = put_dataset(values, data, path if near else None, own=data == own)
        apply_options(values, options)
    except ConfigError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from error
    if any(key.split(".")[0] == "custom_imports" for key in options):
        _import(values["custom_imports"])
    return with_shipped_files(values)


def finish(values: Values, path: Path, work_dir: str | Path | None) -> RunConfig:
    """Name the run, resolve the references and check the result."""
    stem = values.setdefault("config_name", path.stem)
    values["work_dir"] = str(work_dir or values.get("work_dir") or Path("work_dirs", stem))
    if values.setdefault("default_scope", SCOPE) != SCOPE:
        raise ConfigError(f"default_scope must be {SCOPE!r}, got {values['default_scope']!r}")
    check_plain(values, path)
    try:
        config = RunConfig(values, f"{stem}.py")
    except KeyError as error:
        raise _unreadable(path, error) from error
    check_arguments(config.to_dict(), path)
    return config


def unresolved(config: Config) -> Values:
    """Values of a config with its references; where the config was edited since loading, the edit is there instead.

    Resolving the result gives the config's values. Top-level values that were removed since loading are still there.
    """
    current = config.to_dict()
    source = copy.deepcopy(getattr(config, "_source", current))
    for _ in range(len(current)):
        edits = list(_edits(resolve_references(source), current))
        if not edits:
            return source
        for place, value in edits:
            _put(source, place, value)
    return current


def _import(custom_imports: Any) -> None:
    try:
        import_modules_from_strings(**custom_imports)
    except (ImportError, TypeError) as error:
        reason = error.__cause__ or error.__context__ or error
        raise ConfigError(f"custom_imports={custom_imports!r} fails: {reason}; is its folder in PYTHONPATH?") from error


def _from_parts(source: Values, values: Values, filename: str) -> RunConfig:
    config = RunConfig.__new__(RunConfig)
    Config.__init__(config, values, cfg_text="# with references: pretty_text", filename=filename)
    object.__setattr__(config, "_source", source)
    return config


def _edits(before: Any, after: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """(place, new value) of the smallest parts that differ; top-level values that are gone are left out."""
    if type(before) is not type(after) or not isinstance(before, (dict, list)):
        if type(before) is not type(after) or before != after:
            yield place, after
    elif isinstance(before, list):
        if len(before) != len(after):
            yield place, after
        else:
            for index, (old, new) in enumerate(zip(before, after, strict=True)):
                yield from _edits(old, new, (*place, index))
    elif place and before.keys() - after.keys():
        yield place, after
    else:
        for key, new in after.items():
            if key in before:
                yield from _edits(before[key], new, (*place, key))
            else:
                yield (*place, key), new


def _put(values: Values, place: tuple[Any, ...], value: Any) -> None:
    node: Any = values
    for part in place[:-1]:
        node[part] = expand_reference(values, node[part])
        node = node[part]
    node[place[-1]] = copy.deepcopy(value)


def _unreadable(path: str | Path, error: Exception) -> ConfigError:
    return ConfigError(f"{path} cannot be read: {first_line(error)}")
