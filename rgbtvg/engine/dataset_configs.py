"""``data = 'refcoco_plus'``: put the dataset of another config file into a config, whatever its method."""

from __future__ import annotations

import difflib
import runpy
from pathlib import Path
from typing import Any

from mmengine.config import Config

from rgbtvg.engine.config_files import CONFIGS
from rgbtvg.errors import ConfigError

BEFORE = "before_data"
"""Key of a config with a dataset put into it: the values that the dataset has replaced, for another `data` later."""
SHARED = CONFIGS / "_base_" / "datasets"
"""Folder of the shipped dataset configs."""


def put_dataset(values: dict[str, Any], data: str, path: Path | None, own: bool) -> dict[str, Any]:
    """Return `values` with those of a dataset's file merged over them.

    Args:
        values: of a config.
        data: name of a file in ``_base_/datasets`` without its suffix, or the path of a ``.py`` file.
        path: the config's file; ``_base_/datasets`` is looked for in its parent folders, then among the shipped
            configs. None looks among those only.
        own: the file at `path` names the dataset itself, so what it assigns wins over the dataset's values.

    Raises:
        ConfigError: there is no such file, or it holds a pipeline.
    """
    values = {**values, **values.pop(BEFORE, {})}
    file = _find(data, path)
    given = Config.fromfile(str(file)).to_dict()
    if "train_pipeline" in given:
        raise ConfigError(f"{file} is a pipeline with a dataset: list it in _base_ instead")
    config = Config(values)
    config.merge_from_dict(given)
    if own and path is not None:
        assigned = runpy.run_path(str(path))
        config.merge_from_dict({key: value for key, value in assigned.items() if key in config})
    return {**config.to_dict(), BEFORE: {key: value for key, value in values.items() if key in given}}


def _find(data: str, path: Path | None) -> Path:
    folders = [SHARED]
    if path is not None:
        folders = [*(parent / "_base_" / "datasets" for parent in path.absolute().parents), SHARED]
    if data.endswith(".py"):
        candidates = [Path(data)] if path is None else [path.parent / data, Path(data)]
    else:
        candidates = [folder / f"{data}.py" for folder in folders]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        folder = next((folder for folder in folders if folder.is_dir()), Path())
        known = [file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.py")]
        close = difflib.get_close_matches(data, known, 3, 0.4)
        raise ConfigError(
            f"no dataset config is called {data!r}" + f"; did you mean {' or '.join(close)}?" * bool(close)
        )
    return found
