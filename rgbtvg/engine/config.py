"""Configs: late references, overrides, and the config that a checkpoint carries.

``'$name'`` anywhere in a config stands for the top-level value ``name`` and is put in after all overrides, so that
``--cfg-options modality=ir`` reaches every place that says ``'$modality'``.

``data = 'refcoco_plus'`` puts what ``_base_/datasets/refcoco_plus.py`` says over what the config inherits, so that any
method takes any dataset by one line, or by ``--cfg-options data=refcoco_plus``.
"""

from __future__ import annotations

import argparse
import ast
import copy
import difflib
import logging
import re
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.logging import print_log
from mmengine.registry import FUNCTIONS

from rgbtvg.checkpoints import load_file
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
    options = dict(options or {})
    try:
        config = Config.fromfile(str(path))
        data = options.pop("data", None) or config.pop("data", None)
        if data is not None:
            _put_data(config, data, path)
        config.merge_from_dict(options)
    except ConfigError:
        raise
    except Exception as error:
        # A config is a Python program and may fail in any way of its own.
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}: {error}".splitlines()[0]) from error
    return _finish(config, path.name, work_dir)


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
    _check_types(values, path)
    if "data" in (options or {}):
        raise ConfigError(
            f"the config in {path} has its data written out, so data={options['data']} cannot replace it: name the "
            "config file too"
        )
    written_out = sorted({"dataset", "image_size", "modality", "thermal_normalisation"} & set(options or {}))
    if written_out:
        print_log(
            f"the config in {path} is written out: {', '.join(written_out)} of the command line does not reach the "
            "parts that were made from it; name the config file too",
            level=logging.WARNING,
        )
    # Where to write is for this command to say, not for the file.
    values.pop("work_dir", None)
    name = values["config_name"] = Path(str(values.get("config_name", Path(path).stem))).name
    config = Config(values)
    config.merge_from_dict(dict(options or {}))
    return _finish(config, f"{name}.py", work_dir)


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


def resolve_references(values: dict[str, Any]) -> dict[str, Any]:
    """A copy of top-level `values` in which every string ``'$name'`` is the value `name`.

    Raises:
        ConfigError: no such value, or values that refer to each other in a circle.
    """

    def resolved(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {key: resolved(item, path) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(resolved(item, path) for item in value)
        if not (isinstance(value, str) and re.fullmatch(r"\$[A-Za-z_]\w*", value)):
            return value
        name = value[1:]
        if name in path:
            raise ConfigError(f"config values refer to each other in a circle: {' -> '.join((*path, name))}")
        if name not in values:
            close = difflib.get_close_matches(name, values, 1)
            raise ConfigError(f"the config says '${name}' but has no value {name!r}" + (f"; {close[0]}?" * bool(close)))
        return copy.deepcopy(resolved(values[name], (*path, name)))

    return {key: resolved(value, (key,)) for key, value in values.items()}


def _finish(config: Config, filename: str, work_dir: str | Path | None) -> Config:
    values = config.to_dict()
    values.setdefault("default_scope", SCOPE)
    stem = values.setdefault("config_name", Path(filename).stem)
    values["work_dir"] = str(work_dir or values.get("work_dir") or Path("work_dirs", stem))
    # MMEngine names the dumped config and the experiment after `filename`; the text keeps it from reading the file.
    return Config(resolve_references(values), cfg_text="# resolved", filename=filename)


def _put_data(config: Config, data: str, path: Path) -> None:
    """Put what a dataset's file says over the config; what the file that names it says itself stays in force."""
    file = _data_file(data, path)
    values = Config.fromfile(str(file)).to_dict()
    if "train_pipeline" in values:
        raise ConfigError(f"{file} is a pipeline with a dataset, not a dataset alone: name it in _base_")
    config.merge_from_dict(values)
    own = runpy.run_path(str(path))
    if own.pop("data", None) == data:
        config.merge_from_dict({key: value for key, value in own.items() if key in config})


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
