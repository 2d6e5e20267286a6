"""Load image files of any kind as 8-bit arrays."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from PIL import Image
from pycocotools import mask as coco_mask

from rgbtvg.datasets.image_decoding import check_pixels
from rgbtvg.datasets.image_files import image_from_memory, image_size, is_deep, read_image
from rgbtvg.datasets.thermal import ThermalRange, as_stored, check_thermal_range, get_thermal_normalisation
from rgbtvg.datasets.transforms.base import resize_image, resize_mask
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import TRANSFORMS
from rgbtvg.structures import MODALITY_STREAMS, STREAM_TITLES, Frame


class LoadedImage(NamedTuple):
    """One stream of a sample, decoded.

    Args:
        pixels: uint8 (h, w, 3) of RGB or (h, w) of thermal.
        ori_shape: (height, width) of the upright file.
        scale: of `pixels` to that; below 1 for reduced decoding.
        finite: whether the file has any finite value.
    """

    pixels: np.ndarray
    ori_shape: tuple[int, int]
    scale: float
    finite: bool

    def warning(self, stream: str) -> str | None:
        """Reason why an image is blank, or None."""
        if not self.finite:
            return f"the {STREAM_TITLES[stream]} image has no finite value"
        first = self.pixels.flat[0]
        # Few images have a first row of one value: the whole of them is rarely read.
        if (self.pixels[0] == first).all() and (self.pixels == first).all():
            return f"the {STREAM_TITLES[stream]} image is blank: all of its pixels are equal"
        return None


@TRANSFORMS.register_module()
class LoadImages(BaseTransform):
    """Decode the images of the modality's streams; start `frame` and the boxes of the current image.

    RGB comes out as uint8 (H, W, 3) and thermal as uint8 (H, W), whatever the file holds: grey, palette, RGBA, CMYK, 8
    or 16 bit, integer or float. A colour file of thermal gives its first channel (the benchmark's rgbt reader does so,
    its ir reader takes the luma; one rule here), with one warning when its channels differ; a FLIR radiometric JPEG
    gives the sensor's values. EXIF rotation is applied first, so boxes are in the upright image. Thermal takes the
    size of RGB, or alone that of the annotation, since the boxes are given there.

    Args:
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``.
        thermal_normalisation: name in `rgbtvg.datasets.thermal`; the preprocessor's must be the same.
        thermal_range: what becomes 0 and 255 where thermal has more than 8 bits: ``'image'`` (lowest and highest value
            of the image), ``'full'`` (0 to 65535 for integers) or (low, high); see `rgbtvg.datasets.thermal.as_stored`.
        draft_size: None decodes exactly. With a number of pixels, JPEG files are decoded at 1/2, 1/4 or 1/8 as long as
            their long side keeps this many; several times faster for large files, and close to but not the same as
            decoding and shrinking. ``frame`` records the scale.

    Reads ``image_paths``, ``size``, ``boxes`` and ``masks`` (the last three may be absent); an entry of ``images`` that
    is there already (PIL image or array) is converted instead of read. Adds ``images``, ``ori_shape``, ``frame``,
    ``boxes``, ``gt_boxes_xyxy``, ``warnings`` about images without content, ``thermal_normalisation`` where there is
    thermal; moves the annotation's masks to ``encoded_masks``.

    Boxes of an RGB file that has another size than annotated, with the same proportions, are scaled to the file.

    Raises:
        DataError: file missing, unreadable, truncated or of other proportions than annotated, naming it.
    """

    def __init__(
        self,
        modality: str = "rgbt",
        thermal_normalisation: str = "dataset",
        thermal_range: ThermalRange = "image",
        draft_size: int | None = None,
    ) -> None:
        if modality not in MODALITY_STREAMS:
            raise ConfigError(f"modality must be one of {', '.join(MODALITY_STREAMS)}, got {modality!r}")
        get_thermal_normalisation(thermal_normalisation)
        self.streams = MODALITY_STREAMS[modality]
        self.thermal_normalisation = thermal_normalisation
        self.thermal_range = check_thermal_range(thermal_range)
        self.draft_size = draft_size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        given = results.get("images", {})
        loaded = {
            stream: self._converted(given[stream], stream) if stream in given else self._loaded(results, stream)
            for stream in self.streams
        }
        images = {stream: each.pixels for stream, each in loaded.items()}
        first = loaded[self.streams[0]]
        ori_shape, frame = first.ori_shape, Frame().scaled(first.scale, first.scale)
        annotated = results.get("size") or self._size_of_rgb(results)
        if self.streams == ("ir",) and annotated is not None and tuple(annotated) != ori_shape:
            ori_shape, frame = (int(annotated[0]), int(annotated[1])), Frame()
            check_pixels(ori_shape[1], ori_shape[0])
            images["ir"] = resize_image(images["ir"], ori_shape[1], ori_shape[0])
        if len(images) == 2 and images["ir"].shape != images["rgb"].shape[:2]:
            height, width = images["rgb"].shape[:2]
            images["ir"] = resize_image(images["ir"], width, height)
        warnings = [text for stream, each in loaded.items() if (text := each.warning(stream))]
        results.update(images=images, ori_shape=ori_shape, frame=frame, warnings=warnings)
        if "ir" in images:
            results["thermal_normalisation"] = self.thermal_normalisation
        # From here on `masks` are arrays of the current image, and only where LoadMasks has decoded them.
        results["encoded_masks"] = results.pop("masks", None)

        if results.get("boxes") is not None:
            boxes = np.asarray(results["boxes"], dtype=np.float32).reshape(-1, 4)
            if annotated is not None and tuple(annotated) != ori_shape:
                boxes *= _annotation_scale(results, tuple(annotated), ori_shape)
            results["gt_boxes_xyxy"] = boxes
            results["boxes"] = boxes * np.float32(frame.scale_x)
        return results

    def _size_of_rgb(self, results: dict[str, Any]) -> tuple[int, int] | None:
        """Size of the RGB image, which the boxes are annotated in, for thermal alone without an annotated size."""
        path = results.get("image_paths", {}).get("rgb")
        if self.streams != ("ir",) or path is None or not results.get("boxes") or not Path(path).is_file():
            return None
        return image_size(path)

    def _loaded(self, results: dict[str, Any], stream: str) -> LoadedImage:
        path = results["image_paths"].get(stream)
        if path is None:
            raise DataError(f"there is no {stream} image beside {', '.join(results['image_paths'].values())}")
        image, ori_shape, reduction = read_image(path, self.draft_size, stream)
        return self._to_8_bit(image, stream, ori_shape, 1 / reduction)

    def _converted(self, given: Image.Image | np.ndarray, stream: str) -> LoadedImage:
        image = image_from_memory(given, stream)
        return self._to_8_bit(image, stream, (image.height, image.width), 1.0)

    def _to_8_bit(self, image: Image.Image, stream: str, ori_shape: tuple[int, int], scale: float) -> LoadedImage:
        if stream == "rgb":
            pixels = to_rgb(image)
        else:
            pixels = to_thermal(image, self.thermal_range, self.thermal_normalisation)
        finite = image.mode != "F" or bool(np.isfinite(np.asarray(image)).any())
        return LoadedImage(pixels, ori_shape, scale, finite)


_warned_about_size = False


def _annotation_scale(results: dict[str, Any], annotated: tuple[int, int], actual: tuple[int, int]) -> np.float32:
    """Factor of boxes that were annotated in an image of another size; one warning per process.

    Raises:
        DataError: the proportions differ too, or masks would have to be scaled.
    """
    global _warned_about_size
    height, width = actual
    image = next(iter(results.get("image_paths", {"": "the image"}).values()))
    sizes = f"{image} has {width}x{height} pixels, its annotation gives {annotated[1]}x{annotated[0]}"
    scale = width / annotated[1]
    if abs(annotated[0] * scale - height) > 1 or results.get("encoded_masks"):
        raise DataError(f"{sizes}: the boxes are those of another image; correct the size or the file")
    if not _warned_about_size:
        _warned_about_size = True
        print_log(f"{sizes}: its boxes are scaled to the file", logger="current", level=logging.WARNING)
    return np.float32(scale)


@TRANSFORMS.register_module()
class LoadMasks(BaseTransform):
    """Decode the targets' masks into the current image, uint8 (N, h, w). Goes after :class:`LoadImages`.

    Raises:
        DataError: the record has no masks.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = results["ori_shape"]
        encoded = results["encoded_masks"]
        if encoded is None:
            raise DataError("the annotation has no masks")
        image = next(iter(results["images"].values()))
        decoded = [coco_mask.decode(rle) for rle in encoded]
        masks = np.stack(decoded) if decoded else np.zeros((0, height, width), np.uint8)  # (N, H, W)
        results["masks"] = resize_mask(masks, image.shape[1], image.shape[0])
        return results


def to_rgb(image: Image.Image) -> np.ndarray:
    """uint8 (H, W, 3) of an image of any mode; more than 8 bits are scaled from their full range, alpha is dropped."""
    if is_deep(image):
        grey = as_stored(np.asarray(image), "full")
        return np.repeat(grey[..., None], 3, axis=2)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def to_thermal(image: Image.Image, thermal_range: ThermalRange = "image", normalisation: str = "dataset") -> np.ndarray:
    """uint8 (H, W) of a thermal image of any mode; see :class:`LoadImages`."""
    return get_thermal_normalisation(normalisation).to_8_bit(thermal_values(image), thermal_range)


def thermal_values(image: Image.Image) -> np.ndarray:
    """(H, W) of any type: the values of the file's first channel."""
    if is_deep(image):
        return np.asarray(image)
    if image.mode in ("L", "LA"):
        return np.asarray(image.getchannel(0))
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    rgb = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    _warn_if_coloured(rgb)
    return np.asarray(rgb.getchannel(0))


_warned_about_colour = False


def _warn_if_coloured(rgb: Image.Image) -> None:
    """One warning per process; a few hundred pixels decide."""
    global _warned_about_colour
    if _warned_about_colour:
        return
    sample = np.asarray(rgb.resize((16, 16), Image.Resampling.NEAREST), dtype=np.int16)
    # JPEG compression leaves grey images with a level or two of colour.
    if np.abs(sample[..., 1:3] - sample[..., :1]).mean() > 2:
        _warned_about_colour = True
        print_log(
            "a thermal image is stored in colours that differ (a colour map?): its first channel is taken for the heat",
            logger="current",
            level=logging.WARNING,
        )
