"""Find configs: by path, or by the name of one that the project ships."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path
from typing import Any

import rgbtvg
from rgbtvg.engine.lineage import suggestion
from rgbtvg.errors import ConfigError

_PACKAGE = Path(rgbtvg.__file__).parent
CONFIGS = _PACKAGE / "configs" if (_PACKAGE / "configs").is_dir() else _PACKAGE.parent / "configs"
"""Folder of the shipped configs: inside an installed package, or beside it in a checkout."""
MINIATURE = "pretrain_weights/miniature/"
"""Place of the small initial weights and the tokenizer that come with the project, as configs name it."""


def shipped_configs() -> dict[str, Path]:
    """Name -> file of every config that runs; files in ``_base_`` are parts."""
    return {file.stem: file for file in sorted(CONFIGS.rglob("*.py")) if "_base_" not in file.parts}


def with_shipped_files(values: Any) -> Any:
    """A config's values; a path in :data:`MINIATURE` that is not in the working directory is the project's own."""
    if isinstance(values, dict):
        return {key: with_shipped_files(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return type(values)(with_shipped_files(value) for value in values)
    if isinstance(values, str) and values.startswith(MINIATURE) and not Path(values).exists():
        shipped = CONFIGS.parent / values
        return str(shipped) if ".." not in shipped.parts and shipped.exists() else values
    return values


def find_config(path: str | Path) -> Path:
    """Return the file of a config.

    Args:
        path: a file, or a shipped config by its name (``hivg_b16``) or place (``configs/hivg/hivg_b16.py``).

    Raises:
        ConfigError: there is none; the nearest names are given.
    """
    path = Path(path)
    if path.is_file():
        return path
    shipped = shipped_configs()
    found = shipped.get(path.name.removesuffix(".py"))
    if found is not None and found.with_suffix("").parts[-len(path.parts) :] == path.with_suffix("").parts:
        return found
    names = {**shipped, **{file.stem: file for file in sorted(path.parent.glob("*.py"))}}
    close = difflib.get_close_matches(path.stem, names, 3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(_shown(names[name]) for name in close)}?" if close else ""
    raise ConfigError(f"no such config: {path}{suggestion(path) or hint}")


def _shown(file: Path) -> str:
    """A file as a user types it: shipped configs begin with ``configs/``."""
    return str(file.relative_to(CONFIGS.parent)) if file.is_relative_to(CONFIGS) else str(file)


def description(file: Path) -> str:
    """First line of a config's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
