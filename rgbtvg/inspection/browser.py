"""The whole command: from a path to a page or to one image of many records."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rgbtvg.engine.config import load_config
from rgbtvg.errors import ConfigError
from rgbtvg.inspection.index import Index
from rgbtvg.inspection.server import BrowseServer
from rgbtvg.inspection.sheet import draw_records
from rgbtvg.inspection.sources import read_source
from rgbtvg.inspection.views import AugmentedView, raw_view, train_pipeline
from rgbtvg.visualization.drawing import save_image


def browse(
    path: str | Path,
    *,
    data_root: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    augmented: bool = False,
    seed: int = 0,
    port: int = 8008,
) -> BrowseServer:
    """A server of a page to look through data; call its ``serve_forever``.

    Args:
        path: config, folder, ``.pth`` or ``.jsonl``; see :func:`rgbtvg.inspection.read_source`.
        data_root: folder of the images, where it is not found beside the annotations.
        options: overrides of a config.
        augmented: let the page show what the config's training pipeline makes of the images, too.
        seed: of the augmentation.
        port: 0 takes a free one.

    Raises:
        ConfigError: `path` cannot be browsed, has no training pipeline to show, or the port is taken.
        DataError: nothing in it can be read.
    """
    source = read_source(path, data_root, options)
    source.require_records()
    view = _augmentation(path, options, seed) if augmented else None
    return BrowseServer(source.records, source.name, view, port)


def write_sheet(
    path: str | Path,
    out: str | Path,
    *,
    data_root: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    augmented: bool = False,
    seed: int = 0,
    num: int = 16,
    columns: int = 4,
    width: int = 360,
    text: str = "",
    split: str = "",
    where: Sequence[str] = (),
) -> int:
    """Draw records at random on one image; returns how many.

    Args:
        path, data_root, options, augmented: as in :func:`browse`.
        out: image to write.
        seed: of the choice and of the augmentation.
        num: how many at most; they stay in their order.
        columns: records side by side.
        width: of each image in pixels.
        text, split: as in :meth:`Index.search`.
        where: ``condition=value`` each.

    Raises:
        ConfigError: see :func:`browse`; also a `where` of another form, or a number below 1.
        DataError: no record is found or none can be drawn.
    """
    if min(num, columns, width) < 1:
        raise ConfigError(f"num, columns and width must be at least 1, got {num}, {columns} and {width}")
    for condition in where:
        if "=" not in condition:
            raise ConfigError(f"--where takes CONDITION=VALUE, got {condition!r}")
    source = read_source(path, data_root, options)
    source.require_records()
    found = Index(source.records).require(text, split, dict(condition.split("=", 1) for condition in where))
    chosen = sorted(random.Random(seed).sample(found, min(num, len(found))))
    view = _augmentation(path, options, seed) if augmented else raw_view
    title = f"{source.name}: {len(chosen)} of {len(found)} records{' after augmentation' if augmented else ''}"
    records = [source.records[place] for place in chosen]
    save_image(draw_records(records, view, width=width, columns=columns, title=title), out)
    return len(chosen)


def _augmentation(path: str | Path, options: Mapping[str, Any] | None, seed: int) -> AugmentedView:
    if Path(path).suffix != ".py":
        raise ConfigError(f"{path} is no config: only a config has a training pipeline to show")
    loader = load_config(path, options).get("train_dataloader")
    if not loader:
        raise ConfigError(f"{path} has no train_dataloader, whose pipeline could be shown")
    return AugmentedView(train_pipeline(loader["dataset"]), seed)
