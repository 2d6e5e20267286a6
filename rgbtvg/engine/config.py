"""Configs: late references, overrides, and the config that a checkpoint carries.

``'$name'`` anywhere in a config stands for the top-level value ``name`` and is put in after all overrides, so that
``--cfg-options modality=ir`` reaches every place that says ``'$modality'``. A config that a run wrote out, or that a
checkpoint carries, keeps in its ``composition`` what it was put together from (`references.py`), so that it reaches
those places there too.

``data = 'refcoco_plus'`` puts what ``_base_/datasets/refcoco_plus.py`` says over what the config inherits, so that any
method takes any dataset by one line, or by ``--cfg-options data=refcoco_plus``.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import re
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.registry import FUNCTIONS

from rgbtvg.checkpoints import load_file
from rgbtvg.engine.references import (
    open_references,
    record_references,
    refuse_unrecorded,
    resolve_references,
    restore_references,
)
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.registry import SCOPE

CLASS_NAME = re.compile(r"((rgbtvg|mmengine|mmcv|mmdet)\.)?[A-Z]\w*")
"""What a config from a checkpoint may name as `type`: MMEngine would import and call any dotted path."""
PLAIN_TYPES = ("norm", "value")
"""Values of `type` that name no class: the kinds of gradient clipping."""


def load_config(
    path: str | Path, options: Mapping[str, Any] | None = None, work_dir: str | Path | None = None
) -> Config:
    """Read a config file, override it, and put every late reference in.

    Args:
        path: the file; Python configs are programs, so only run those that you trust.
        options: dotted key -> value, as ``--cfg-options`` gives them.
        work_dir: where the run writes; without it the config's own, else ``work_dirs/<config name>``.

    Raises:
        ConfigError: no such file (the nearest existing names are given), not a valid config, or a reference that leads
            nowhere or in a circle; also a ``data`` that is no file.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"no such config: {path}{_nearest(path)}")
    try:
        values = Config.fromfile(str(path)).to_dict()
    except Exception as error:
        # A config is a Python program and may fail in any way of its own.
        raise _unreadable(path, error) from error
    return _composed(values, options, path, path.name, work_dir, data=values.pop("data", None))


def config_from_checkpoint(
    path: str | Path, options: Mapping[str, Any] | None = None, work_dir: str | Path | None = None
) -> Config:
    """The config that a checkpoint was trained with; it is parsed as data and never executed.

    Args:
        path: a checkpoint written by a run.
        options: overrides, as in :func:`load_config`.
        work_dir: as in :func:`load_config`.

    Raises:
        CheckpointError: the file has no config, or one that names anything but classes of the toolbox.
    """
    checkpoint = load_file(path)
    text = config_text(checkpoint)
    if text is None:
        raise CheckpointError(f"{path} carries no config: name one before --load-from")
    values = parse_config_text(text, path)
    # Where to write is for this command to say, not for the file.
    values.pop("work_dir", None)
    name = values["config_name"] = Path(str(values.get("config_name", Path(path).stem))).name
    return _composed(values, options, path, f"{name}.py", work_dir, trusted=False)


def config_of_weights(
    checkpoint: str | Path, config: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> Config | None:
    """The config of a checkpoint: its own, or the one of a file for a checkpoint that has none.

    Returns:
        None if there is neither.

    Raises:
        ConfigError: both exist and describe different models.
    """
    own = config_from_checkpoint(checkpoint, options) if config_text(load_file(checkpoint)) else None
    if config is None:
        return own
    given = load_config(config, options)
    if own is not None and own.model != given.model:
        raise ConfigError(f"{config} describes another model than the config in {checkpoint}: leave --config out")
    return given


def override(config: Config, options: Mapping[str, Any] | None) -> Config:
    """A copy of a finished config, overridden as if it had been loaded with `options`.

    Raises:
        ConfigError: see :func:`load_config`.
    """
    name = config.filename or f"{config.get('config_name', 'config')}.py"
    return _composed(config.to_dict(), options, name, Path(name).name, None)


def parse_options(items: Sequence[str]) -> dict[str, Any]:
    """``['a.b=1', 'c=[x,y]', 'd=[dict(e=2)]']`` of a command line as a mapping of values.

    Raises:
        ConfigError: an item is not ``key=value``, or its value is not complete Python.
    """
    options: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals:
            raise ConfigError(f"--cfg-options takes key=value, got {item!r}")
        options[key] = _nested_value(item, text) if "{" in text or "dict(" in text else _flat_value(item)
    return options


def _flat_value(item: str) -> Any:
    """MMEngine's reading of ``key=value``: numbers, words, and lists or tuples of them without quotes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--options", nargs="*", action=DictAction)
    (value,) = parser.parse_args(["--options", item]).options.values()
    return value


def _nested_value(item: str, text: str) -> Any:
    """Values with dicts in them, as in a config file; MMEngine's reading leaves those as words."""
    try:
        return ast.literal_eval(_CallsToDicts().visit(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError):
        raise ConfigError(f"--cfg-options takes Python values such as [dict(a=1, b='c')], got {item!r}") from None


class _CallsToDicts(ast.NodeTransformer):
    """``dict(a=1)`` as ``{'a': 1}``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name) or node.func.id != "dict" or node.args:
            raise ValueError(f"only dict(key=value) may be called, not {ast.unparse(node)}")
        keywords = [(ast.Constant(word.arg), self.visit(word.value)) for word in node.keywords]
        return ast.Dict([key for key, _ in keywords], [value for _, value in keywords])


def config_text(checkpoint: Any) -> str | None:
    """Text of the config in a loaded checkpoint, if it has one."""
    meta = checkpoint.get("meta") if isinstance(checkpoint, Mapping) else None
    text = meta.get("cfg") if isinstance(meta, Mapping) else None
    return text if isinstance(text, str) and text.strip() else None


def _composed(
    values: dict[str, Any],
    options: Mapping[str, Any] | None,
    path: str | Path,
    filename: str,
    work_dir: str | Path | None,
    data: str | None = None,
    trusted: bool = True,
) -> Config:
    """A file's values with its dataset `data`, the overrides and everything that is referred to in place."""
    options = dict(options or {})
    other_data = options.pop("data", None)
    before_data: dict[str, Any] = {}
    if "composition" in values:
        references, before_data = _composition(values.pop("composition"), path)
        values = restore_references(values, references, options, path)
        if other_data is not None:
            values.update(before_data)
    elif "config_name" in values:
        refuse_unrecorded(values, options, path)
    if not trusted:
        _check_types(resolve_references(values), path)
    config = Config(values)
    try:
        if other_data or data:
            before_data = _put_data(config, other_data or data, Path(path), keep_own=other_data in (None, data))
        open_references(config._cfg_dict, options)
        config.merge_from_dict(options)
    except ConfigError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from error
    values = config.to_dict()
    values.setdefault("default_scope", SCOPE)
    stem = values.setdefault("config_name", Path(filename).stem)
    values["work_dir"] = str(work_dir or values.get("work_dir") or Path("work_dirs", stem))
    resolved = resolve_references(values)
    resolved["composition"] = dict(references=record_references(values, resolved), before_data=before_data)
    # MMEngine names the dumped config and the experiment after `filename`; the text keeps it from reading the file.
    return Config(resolved, cfg_text="# resolved", filename=filename)


def _composition(found: Any, path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """References, and what the dataset of the config replaced, as the end of :func:`_composed` writes them."""
    try:
        references, before_data = found["references"], dict(found["before_data"])
        if all(isinstance(entry["digest"], str) and list(entry["places"]) for entry in references.values()):
            return references, before_data
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise ConfigError(f"{path} has a composition that cannot be read: name the config file it came from")


def _unreadable(path: str | Path, error: Exception) -> ConfigError:
    return ConfigError(f"{path} cannot be read: {type(error).__name__}: {error}".splitlines()[0])


def _put_data(config: Config, data: str, path: Path, keep_own: bool) -> dict[str, Any]:
    """Put what a dataset's file says over the config, and return what was there before.

    With `keep_own`, what the file at `path` says itself stays in force: it is the one that names the dataset.
    """
    file = _data_file(data, path)
    values = Config.fromfile(str(file)).to_dict()
    if "train_pipeline" in values:
        raise ConfigError(f"{file} is a pipeline with a dataset, not a dataset alone: name it in _base_")
    before = {key: value for key, value in config.to_dict().items() if key in values}
    config.merge_from_dict(values)
    if keep_own:
        own = runpy.run_path(str(path))
        config.merge_from_dict({key: value for key, value in own.items() if key in config})
    return before


def _data_file(data: str, path: Path) -> Path:
    """The file of a dataset: a path beside the config, or a name in the nearest ``_base_/datasets``."""
    if data.endswith(".py"):
        candidates = [path.parent / data, Path(data)]
    else:
        folders = [folder / "_base_" / "datasets" for folder in path.absolute().parents]
        candidates = [folder / f"{data}.py" for folder in [*folders, Path("configs", "_base_", "datasets")]]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        folder = next((candidate.parent for candidate in candidates if candidate.parent.is_dir()), Path())
        close = difflib.get_close_matches(
            data, [file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.py")], 3, 0.4
        )
        raise ConfigError(
            f"no dataset's file is called {data!r}" + f"; did you mean {' or '.join(close)}?" * bool(close)
        )
    return found


def _nearest(path: Path) -> str:
    """'; did you mean ...?' with existing configs of a similar name."""
    known = [*path.parent.glob("*.py"), *Path("configs").rglob("*.py")]
    names = {file.stem: str(file) for file in sorted(known) if "_base_" not in file.parts}
    close = difflib.get_close_matches(path.stem, names, 3, cutoff=0.5)
    return f"; did you mean {' or '.join(names[name] for name in close)}?" if close else ""


def parse_config_text(text: str, path: str | Path) -> dict[str, Any]:
    """Assignments of literals and ``dict(...)``: the form of every dumped config."""

    def value(node: ast.expr) -> Any:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
            parts = [value(part) for part in node.args]
            named = {keyword.arg: value(keyword.value) for keyword in node.keywords if keyword.arg}
            if len(named) == len(node.keywords):
                return dict(*parts, **named)
        elif isinstance(node, ast.Dict) and all(node.keys):
            pairs = zip(node.keys, node.values, strict=True)
            return {ast.literal_eval(key): value(item) for key, item in pairs if key}
        elif isinstance(node, ast.List):
            return [value(item) for item in node.elts]
        elif isinstance(node, ast.Tuple):
            return tuple(value(item) for item in node.elts)
        return ast.literal_eval(node)

    values = {}
    try:
        for statement in ast.parse(text).body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
                raise ValueError(f"line {statement.lineno} is not an assignment")
            values[statement.targets[0].id] = value(statement.value)
    except (SyntaxError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"the config in {path} is not plain data ({error}) and is not executed: name a config before --load-from"
        ) from None
    return values


def _check_types(value: Any, path: str | Path) -> None:
    """Refuse what MMEngine would import or call for a config that came with a file."""
    if isinstance(value, dict):
        name = value.get("type", "X")
        named = isinstance(name, str) and (
            CLASS_NAME.fullmatch(name) or name in PLAIN_TYPES or name in FUNCTIONS.module_dict
        )
        foreign = {"custom_imports", "_scope_"} & value.keys()
        if foreign or not named:
            culprit = sorted(foreign)[0] if foreign else f"type={name!r}"
            raise CheckpointError(
                f"the config in {path} is refused: it would import and call {culprit}; "
                "name a config that you trust before --load-from"
            )
        for item in value.values():
            _check_types(item, path)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_types(item, path)
