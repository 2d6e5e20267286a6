"""Where thermal shows nothing: borders that warping left, or a mask from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from rgbtvg.datasets.image_files import read_image
from rgbtvg.datasets.thermal_borders import find_borders
from rgbtvg.datasets.transforms.base import resize_mask
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import TRANSFORMS

SOURCES = ("borders", "constant", "file")


@TRANSFORMS.register_module()
class ThermalValidity(BaseTransform):
    """Find out where thermal shows something, as ``thermal_valid`` (H, W) bool of the current image.

    The mask goes through all following transforms with the images. Attention and fusion of the methods that can do so
    leave the other patches out (docs/thermal.md). Invalid pixels become black, so that resizing does not mix what they
    hold into their neighbours; the preprocessor makes them 0 after normalisation. A mask that is there already is
    narrowed. Does nothing without thermal.

    Args:
        source: ``'borders'``: black bars and wedges along a side with a straight edge, as warping leaves them, and all
            of an image that is black or uniform; ``'constant'``: all pixels of one grey level; ``'file'``: a mask image
            beside the thermal image, not black where thermal is valid; None: does nothing.
        value: the grey level of ``'constant'``.
        folder: of ``'file'``: the masks' folder, which lies beside that of the thermal images; ``ir/a.jpg`` has the
            mask ``<folder>/a.png``. Thermal images that come from no file are valid as a whole.

    Raises:
        ConfigError: no such source.
        DataError: a mask file is missing or unreadable, naming it.
    """

    def __init__(self, source: str | None = "borders", value: int = 0, folder: str = "valid") -> None:
        if source is not None and source not in SOURCES:
            raise ConfigError(f"ThermalValidity's source must be one of {', '.join(SOURCES)} or None, got {source!r}")
        self.source = source
        self.value = value
        self.folder = folder

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        thermal = results["images"].get("ir")
        if self.source is None or thermal is None:
            return results
        valid = self._valid(thermal, results.get("image_paths", {}).get("ir"))
        if "thermal_valid" in results:
            valid &= results["thermal_valid"]
        results["thermal_valid"] = valid
        if not valid.all():
            results["images"] = {**results["images"], "ir": np.where(valid, thermal, np.uint8(0))}
        return results

    def _valid(self, thermal: NDArray[np.uint8], path: str | None) -> NDArray[np.bool_]:
        if self.source == "borders":
            return ~find_borders(thermal)[1]
        if self.source == "constant":
            return thermal != self.value
        if path is None:
            return np.ones(thermal.shape, dtype=bool)
        place = Path(path)
        file = place.parent.parent / self.folder / f"{place.stem}.png"
        if not file.is_file():
            raise DataError(f"{path} has no mask of its valid pixels: {file} is missing")
        mask = np.asarray(read_image(file, stream="ir")[0].convert("L")) > 0
        return resize_mask(mask[None], thermal.shape[1], thermal.shape[0])[0].copy()
