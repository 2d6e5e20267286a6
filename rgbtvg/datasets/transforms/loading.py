"""From image files of any kind to 8-bit arrays."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from PIL import ExifTags, Image, ImageOps
from pycocotools import mask as coco_mask

from rgbtvg.datasets.transforms.base import resize_image, resize_mask
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import TRANSFORMS
from rgbtvg.structures import MODALITY_STREAMS, Frame

ThermalRange = str | tuple[float, float]

UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""What Pillow raises on files that are truncated, of no known format, or too large to be an image."""

QUARTER_TURNS = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""


@TRANSFORMS.register_module()
class LoadImages(BaseTransform):
    """Decode the images of the modality's streams; start `frame` and the boxes of the current picture.

    RGB comes out as uint8 (H, W, 3) and thermal as uint8 (H, W), whatever the file holds: grey, palette, RGBA, CMYK, 8
    or 16 bit, integer or float. A colour file of thermal gives its first channel (the benchmark's rgbt reader does so,
    its ir reader takes the luma; one rule here), with one warning when its channels differ. EXIF rotation is applied
    first, so boxes are in the upright picture. Thermal takes the size of RGB, or alone that of the annotation, since
    the boxes are given there.

    Args:
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``.
        thermal_range: what becomes 0 and 255 where thermal has more than 8 bits: ``'full'`` (0 to 65535 for integers;
            float files have no range of their own and use ``'image'``), ``'image'`` (lowest and highest value of the
            image) or (low, high). Values beyond are clipped.
        draft_size: None decodes exactly. With a number of pixels, JPEG files are decoded at 1/2, 1/4 or 1/8 as long as
            their long side keeps this many; several times faster for large files, and close to but not the same as
            decoding and shrinking. The frame knows.

    Reads ``image_paths``, ``size``, ``boxes`` and ``masks`` (the last three may be absent); an entry of ``images`` that
    is there already (PIL image or array) is converted instead of read. Adds ``images``, ``ori_shape``, ``frame``,
    ``boxes``, ``gt_boxes_px``; moves the annotation's masks to ``encoded_masks``.

    Raises:
        DataError: file missing, unreadable or truncated, naming it.
    """

    def __init__(
        self, modality: str = "rgbt", thermal_range: ThermalRange = "full", draft_size: int | None = None
    ) -> None:
        if modality not in MODALITY_STREAMS:
            raise ConfigError(f"modality must be one of {', '.join(MODALITY_STREAMS)}, got {modality!r}")
        if thermal_range not in ("full", "image") and not (
            not isinstance(thermal_range, str) and len(thermal_range) == 2 and thermal_range[0] < thermal_range[1]
        ):
            raise ConfigError(f"thermal_range must be 'full', 'image' or (low, high), got {thermal_range!r}")
        self.streams = MODALITY_STREAMS[modality]
        self.thermal_range = thermal_range if isinstance(thermal_range, str) else tuple(thermal_range)
        self.draft_size = draft_size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        given = results.get("images", {})
        images, ori_shapes, reductions = {}, {}, {}
        for stream in self.streams:
            if stream in given:
                picture = given[stream]
                picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
                image = ImageOps.exif_transpose(picture)
                ori_shapes[stream], reductions[stream] = (image.height, image.width), 1
            else:
                path = results["image_paths"].get(stream)
                if path is None:
                    raise DataError(f"there is no {stream} image beside {', '.join(results['image_paths'].values())}")
                image, ori_shapes[stream], reductions[stream] = read_image(path, self.draft_size)
            images[stream] = to_rgb(image) if stream == "rgb" else to_thermal(image, self.thermal_range)

        first = self.streams[0]
        ori_shape, frame = ori_shapes[first], Frame().scaled(1 / reductions[first], 1 / reductions[first])
        annotated = results.get("size")
        if self.streams == ("ir",) and annotated is not None and tuple(annotated) != ori_shape:
            ori_shape, frame = tuple(annotated), Frame()
            images["ir"] = resize_image(images["ir"], ori_shape[1], ori_shape[0])
        if len(images) == 2 and images["ir"].shape != images["rgb"].shape[:2]:
            height, width = images["rgb"].shape[:2]
            images["ir"] = resize_image(images["ir"], width, height)
        results.update(images=images, ori_shape=ori_shape, frame=frame)
        # From here on `masks` are arrays of the current picture, and only where LoadMasks has decoded them.
        results["encoded_masks"] = results.pop("masks", None)

        if results.get("boxes") is not None:
            boxes = np.asarray(results["boxes"], dtype=np.float32).reshape(-1, 4)
            results["gt_boxes_px"] = boxes
            results["boxes"] = boxes * np.float32(frame.scale_x)
        return results


@TRANSFORMS.register_module()
class LoadMasks(BaseTransform):
    """Decode the targets' masks into the current picture, uint8 (N, h, w). Goes after :class:`LoadImages`.

    Args:
        rectangles: draw the boxes instead, as the benchmark's reader does for every set without polygons: COCO's
            rasterisation at the full size of the image, carried along with it afterwards. The cheaper way to the same
            thing is ``PackGroundingInputs(rectangle_masks=True)``.

    Raises:
        DataError: the record has no masks.
    """

    def __init__(self, rectangles: bool = False) -> None:
        self.rectangles = rectangles

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = results["ori_shape"]
        if self.rectangles:
            corners = results["gt_boxes_px"].astype(np.float64)
            boxes_xywh = np.concatenate((corners[:, :2], corners[:, 2:] - corners[:, :2]), axis=1)
            encoded = coco_mask.frPyObjects(boxes_xywh, height, width)
        else:
            encoded = results["encoded_masks"]
        if encoded is None:
            raise DataError("the annotation has no masks")
        picture = next(iter(results["images"].values()))
        masks = [coco_mask.decode(rle) for rle in encoded]
        masks = np.stack(masks) if masks else np.zeros((0, height, width), np.uint8)  # (N, H, W)
        results["masks"] = resize_mask(masks, picture.shape[1], picture.shape[0])
        return results


def read_image(path: str | Path, draft_size: int | None = None) -> tuple[Image.Image, tuple[int, int], int]:
    """The upright picture of a file, the (height, width) of its full size, and the factor 1, 2, 4 or 8 of reduced
    decoding.

    Raises:
        DataError: file missing, unreadable or truncated, naming it.
    """
    try:
        data = Path(path).read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            reduction = 1
            if draft_size is not None and image.format == "JPEG":
                # Only the long side counts: Pillow reduces as long as both sides stay above what is asked for.
                _, (_, _, reduced_width, _) = image.draft(None, (draft_size, 1) if width >= height else (1, draft_size))
                reduction = round(width / reduced_width)
            plain = _decode_plain_png(data, image)
            if plain is not None:
                return plain, (height, width), 1
            image.load()
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) in QUARTER_TURNS
            ImageOps.exif_transpose(image, in_place=True)
    except FileNotFoundError as error:
        raise DataError(f"image {path} does not exist") from error
    except UNREADABLE as error:
        raise DataError(f"image {path} cannot be read: {error}") from error
    return image, ((width, height) if turned else (height, width)), reduction


def _decode_plain_png(data: bytes, image: Image.Image) -> Image.Image | None:
    """The picture of a PNG with 8 bits of grey or RGB and no EXIF by OpenCV, which takes a fifth less time than Pillow.

    None for every other file, and for a broken one: Pillow judges it.
    """
    is_plain = image.format == "PNG" and image.mode in ("L", "RGB") and image.tile[0].args == image.mode
    if not is_plain or b"eXIf" in data:
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    expected = (image.height, image.width, 3)[: 2 if image.mode == "L" else 3]
    if pixels is None or pixels.shape != expected or pixels.dtype != np.uint8:
        return None
    return Image.fromarray(pixels if image.mode == "L" else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def to_rgb(image: Image.Image) -> np.ndarray:
    """uint8 (H, W, 3) of a picture of any mode; more than 8 bits are scaled from their full range, alpha is dropped."""
    if _is_deep(image):
        grey = _to_8_bit(np.asarray(image), "full")
        return np.repeat(grey[..., None], 3, axis=2)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def to_thermal(image: Image.Image, thermal_range: ThermalRange = "full") -> np.ndarray:
    """uint8 (H, W) of a thermal picture of any mode; see :class:`LoadImages`."""
    if _is_deep(image):
        return _to_8_bit(np.asarray(image), thermal_range)
    if image.mode in ("L", "LA"):
        return np.asarray(image.getchannel(0))
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    rgb = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    _warn_if_coloured(rgb)
    return np.asarray(rgb.getchannel(0))


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _to_8_bit(values: np.ndarray, value_range: ThermalRange) -> np.ndarray:
    if value_range == "full" and values.dtype.kind != "f":
        low, high = 0.0, 65535.0
    elif isinstance(value_range, str):
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    else:
        low, high = value_range
    # A picture of one value has no range: it becomes black. So do pixels that are no number.
    scaled = (values.astype(np.float32) - low) * (255 / max(high - low, 1e-12))
    return np.clip(np.rint(np.nan_to_num(scaled, nan=0.0)), 0, 255).astype(np.uint8)


_warned_about_colour = False


def _warn_if_coloured(rgb: Image.Image) -> None:
    """One warning per process; a few hundred pixels decide."""
    global _warned_about_colour
    if _warned_about_colour:
        return
    sample = np.asarray(rgb.resize((16, 16), Image.Resampling.NEAREST), dtype=np.int16)
    # JPEG compression leaves grey pictures with a level or two of colour.
    if np.abs(sample[..., 1:3] - sample[..., :1]).mean() > 2:
        _warned_about_colour = True
        print_log(
            "a thermal image is stored in colours that differ (a colour map?): its first channel is taken for the heat",
            logger="current",
            level=logging.WARNING,
        )
