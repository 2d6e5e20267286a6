"""A resized copy of a data set: smaller files that training decodes faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from rgbtvg.datasets.canonical import relative_path
from rgbtvg.datasets.image_files import is_deep, read_image
from rgbtvg.datasets.masks import encode_binary_mask
from rgbtvg.datasets.transforms.base import resize_image, resize_mask, scaled_size
from rgbtvg.datasets.transforms.loading import thermal_values, to_rgb
from rgbtvg.errors import ConfigError

Record = dict[str, Any]
JPEG_QUALITY = 95


def resize_records(
    records: Sequence[Record],
    image_root: str | Path,
    out: str | Path,
    size: int,
    workers: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> list[Record]:
    """Write resized copies of all images, and return the records that belong to them.

    RGB is written as JPEG of quality 95, thermal as PNG (8 or 16 bits, as the file has) or as TIFF of 32-bit floats.
    Thermal takes the size of RGB. The files are upright and contain no metadata.

    Args:
        records: of any data set.
        image_root: folder that contains all images.
        out: folder for the copies, ``out/<stream>/<path below image_root>``.
        size: long side in pixels; smaller images keep their size.
        workers: processes.
        advance: called after every pair.

    Returns:
        The records with their paths, boxes, masks and size in the resized images.

    Raises:
        ConfigError: `size` is not positive.
        DataError: an image is unreadable.
    """
    if size < 1:
        raise ConfigError(f"the size of the resized images must be positive, got {size}")
    pairs = {tuple(sorted(record["image_paths"].items())): record["image_paths"] for record in records}
    targets = {pair: _targets(paths, Path(image_root), Path(out)) for pair, paths in pairs.items()}
    resize = partial(_resize_pair, size=size)
    shapes = {}
    with ProcessPoolExecutor(workers) as pool:
        results = pool.map(resize, pairs.values(), targets.values(), chunksize=8)
        for pair, result in zip(pairs, results, strict=True):
            shapes[pair] = result
            advance()
    return [_resized_record(record, *shapes[tuple(sorted(record["image_paths"].items()))]) for record in records]


def _targets(paths: dict[str, str], image_root: Path, out: Path) -> dict[str, Path]:
    return {stream: out / stream / Path(relative_path(path, image_root)) for stream, path in paths.items()}


def _resize_pair(
    paths: dict[str, str], targets: dict[str, Path], size: int
) -> tuple[dict[str, str], tuple[int, int], tuple[int, int]]:
    """Written paths, and the (height, width) of the pair before and after."""
    written: dict[str, str] = {}
    before: tuple[int, int] | None = None
    for stream in sorted(paths, reverse=True):  # RGB first: it gives the size
        image, shape, _ = read_image(paths[stream], stream=stream)
        before = before or shape
        width, height = scaled_size(before, size / max(before)) if max(before) > size else before[::-1]
        written[stream] = str(_write_resized(image, stream, targets[stream], width, height))
    assert before is not None
    return written, before, (height, width)


def _write_resized(image: Image.Image, stream: str, target: Path, width: int, height: int) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    name = target.name.replace(".", "_")  # a.png and a.jpg remain two files
    if stream == "rgb":
        path = target.with_name(f"{name}.jpg")
        Image.fromarray(resize_image(to_rgb(image), width, height)).save(path, quality=JPEG_QUALITY, subsampling=0)
        return path
    values = thermal_values(image)
    path = target.with_name(f"{name}.tif" if values.dtype.kind == "f" else f"{name}.png")
    Image.fromarray(
        _resize_values(values, width, height) if is_deep(image) else resize_image(values, width, height)
    ).save(path)
    return path


def _resize_values(values: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Thermal of more than 8 bits, bilinear and antialiased: uint16, or float32 where that does not suffice."""
    resized = np.asarray(Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))
    if values.dtype.kind == "f" or resized.min() < 0 or resized.max() > np.iinfo(np.uint16).max:
        return resized
    return np.rint(resized).astype(np.uint16)


def _resized_record(record: Record, paths: dict[str, str], before: tuple[int, int], after: tuple[int, int]) -> Record:
    """Boxes are given in the annotated size, which may differ from that of the file."""
    height, width = record.get("size") or before
    scale = np.array([after[1] / width, after[0] / height] * 2)
    masks = record.get("masks")
    if masks is not None:
        masks = [_resized_mask(mask, after) for mask in masks]
    boxes = [(np.asarray(box) * scale).tolist() for box in record["boxes"]]
    return {**record, "image_paths": paths, "boxes": boxes, "masks": masks, "size": after}


def _resized_mask(rle: dict[str, Any], shape: tuple[int, int]) -> dict[str, Any]:
    mask = coco_mask.decode(rle)
    return encode_binary_mask(resize_mask(mask[None], shape[1], shape[0])[0].astype(bool))
