"""From image files of any kind to 8-bit arrays."""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from PIL import ExifTags, Image, ImageOps
from pycocotools import mask as coco_mask

from rgbtvg.datasets.flir import read_flir_raw
from rgbtvg.datasets.thermal import ThermalRange, as_stored, check_thermal_range, get_thermal_normalisation
from rgbtvg.datasets.transforms.base import resize_image, resize_mask
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import TRANSFORMS
from rgbtvg.structures import MODALITY_STREAMS, Frame

UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""What Pillow raises on files that are truncated, of no known format, or too large to be an image."""

QUARTER_TURNS = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""


class LoadedPicture(NamedTuple):
    """One stream of a sample, decoded.

    Args:
        pixels: uint8 (h, w, 3) of RGB or (h, w) of thermal.
        ori_shape: (height, width) of the upright file.
        scale: of `pixels` to that; below 1 for reduced decoding and for pictures of a cache.
    """

    pixels: np.ndarray
    ori_shape: tuple[int, int]
    scale: float


@TRANSFORMS.register_module()
class LoadImages(BaseTransform):
    """Decode the images of the modality's streams; start `frame` and the boxes of the current picture.

    RGB comes out as uint8 (H, W, 3) and thermal as uint8 (H, W), whatever the file holds: grey, palette, RGBA, CMYK, 8
    or 16 bit, integer or float. A colour file of thermal gives its first channel (the benchmark's rgbt reader does so,
    its ir reader takes the luma; one rule here), with one warning when its channels differ; a FLIR radiometric JPEG
    gives the sensor's values. EXIF rotation is applied first, so boxes are in the upright picture. Thermal takes the
    size of RGB, or alone that of the annotation, since the boxes are given there.

    Args:
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``.
        thermal_normalisation: name in `rgbtvg.datasets.thermal`; the preprocessor's must be the same.
        thermal_range: what becomes 0 and 255 where thermal has more than 8 bits: ``'image'`` (lowest and highest value
            of the image), ``'full'`` (0 to 65535 for integers) or (low, high); see `rgbtvg.datasets.thermal.as_stored`.
        draft_size: None decodes exactly. With a number of pixels, JPEG files are decoded at 1/2, 1/4 or 1/8 as long as
            their long side keeps this many; several times faster for large files, and close to but not the same as
            decoding and shrinking. The frame knows.
        cache: arguments of :class:`~rgbtvg.datasets.picture_cache.PictureCache`: pictures are kept on disk, shrunk to
            a size that training needs, and decoded once; off while `folder` is None. Not for evaluation.

    Reads ``image_paths``, ``size``, ``boxes`` and ``masks`` (the last three may be absent); an entry of ``images`` that
    is there already (PIL image or array) is converted instead of read. Adds ``images``, ``ori_shape``, ``frame``,
    ``boxes``, ``gt_boxes_px``, ``thermal_normalisation`` where there is thermal; moves the annotation's masks to
    ``encoded_masks``.

    Raises:
        DataError: file missing, unreadable or truncated, naming it.
    """

    def __init__(
        self,
        modality: str = "rgbt",
        thermal_normalisation: str = "dataset",
        thermal_range: ThermalRange = "image",
        draft_size: int | None = None,
        cache: Mapping[str, Any] | None = None,
    ) -> None:
        if modality not in MODALITY_STREAMS:
            raise ConfigError(f"modality must be one of {', '.join(MODALITY_STREAMS)}, got {modality!r}")
        get_thermal_normalisation(thermal_normalisation)
        self.streams = MODALITY_STREAMS[modality]
        self.thermal_normalisation = thermal_normalisation
        self.thermal_range = check_thermal_range(thermal_range)
        self.draft_size = draft_size
        self.cache = None
        if cache is not None and cache.get("folder") is not None:
            # Imported here because it locks files as POSIX systems do.
            from rgbtvg.datasets.picture_cache import PictureCache

            self.cache = PictureCache(**cache)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        given = results.get("images", {})
        pictures = {
            stream: self._converted(given[stream], stream) if stream in given else self._loaded(results, stream)
            for stream in self.streams
        }
        images = {stream: picture.pixels for stream, picture in pictures.items()}
        first = pictures[self.streams[0]]
        ori_shape, frame = first.ori_shape, Frame().scaled(first.scale, first.scale)
        annotated = results.get("size")
        if self.streams == ("ir",) and annotated is not None and tuple(annotated) != ori_shape:
            ori_shape, frame = tuple(annotated), Frame()
            images["ir"] = resize_image(images["ir"], ori_shape[1], ori_shape[0])
        if len(images) == 2 and images["ir"].shape != images["rgb"].shape[:2]:
            height, width = images["rgb"].shape[:2]
            images["ir"] = resize_image(images["ir"], width, height)
        results.update(images=images, ori_shape=ori_shape, frame=frame)
        if "ir" in images:
            results["thermal_normalisation"] = self.thermal_normalisation
        # From here on `masks` are arrays of the current picture, and only where LoadMasks has decoded them.
        results["encoded_masks"] = results.pop("masks", None)

        if results.get("boxes") is not None:
            boxes = np.asarray(results["boxes"], dtype=np.float32).reshape(-1, 4)
            results["gt_boxes_px"] = boxes
            results["boxes"] = boxes * np.float32(frame.scale_x)
        return results

    def _loaded(self, results: dict[str, Any], stream: str) -> LoadedPicture:
        path = results["image_paths"].get(stream)
        if path is None:
            raise DataError(f"there is no {stream} image beside {', '.join(results['image_paths'].values())}")
        if self.cache is None:
            return self._decoded(path, stream, self.draft_size)
        rule = (stream, *((self.thermal_normalisation, self.thermal_range) if stream == "ir" else ()))
        return self.cache.picture(path, rule, lambda: self._decoded(path, stream))

    def _decoded(self, path: str | Path, stream: str, draft_size: int | None = None) -> LoadedPicture:
        image, ori_shape, reduction = read_image(path, draft_size, stream)
        return LoadedPicture(self._to_8_bit(image, stream), ori_shape, 1 / reduction)

    def _converted(self, picture: Image.Image | np.ndarray, stream: str) -> LoadedPicture:
        picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image = ImageOps.exif_transpose(picture)
        return LoadedPicture(self._to_8_bit(image, stream), (image.height, image.width), 1.0)

    def _to_8_bit(self, image: Image.Image, stream: str) -> np.ndarray:
        if stream == "rgb":
            return to_rgb(image)
        return to_thermal(image, self.thermal_range, self.thermal_normalisation)


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
        decoded = [coco_mask.decode(rle) for rle in encoded]
        masks = np.stack(decoded) if decoded else np.zeros((0, height, width), np.uint8)  # (N, H, W)
        results["masks"] = resize_mask(masks, picture.shape[1], picture.shape[0])
        return results


def read_image(
    path: str | Path, draft_size: int | None = None, stream: str = "rgb"
) -> tuple[Image.Image, tuple[int, int], int]:
    """The upright picture of a file, the (height, width) of its full size, and the factor 1, 2, 4 or 8 of reduced
    decoding.

    Args:
        path: any format that Pillow reads.
        draft_size: see :class:`LoadImages`.
        stream: ``'ir'`` takes the sensor's values out of a FLIR radiometric JPEG, at the size of the JPEG, and all 16
            bits of the first channel of a deep colour file, of which Pillow keeps 8.

    Raises:
        DataError: file missing, unreadable or truncated, naming it.
    """
    try:
        data = Path(path).read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            deep = _deep_thermal(data, image) if stream == "ir" else None
            if deep is not None:
                upright = ImageOps.exif_transpose(deep)
                return upright, (upright.height, upright.width), 1
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


def _deep_thermal(data: bytes, image: Image.Image) -> Image.Image | None:
    """16-bit thermal that Pillow does not see, with the file's orientation: FLIR's raw image, or deep colours."""
    values = None
    if image.format in ("JPEG", "MPO"):
        values = read_flir_raw(data)
        if values is not None and values.shape[::-1] != image.size:
            values = cv2.resize(values, image.size, interpolation=cv2.INTER_LINEAR)
    elif image.format in ("PNG", "TIFF") and not _is_deep(image) and _bits(image) == 16:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if values is None:
            raise ValueError(f"broken {image.format} file of 16 bits")
        # OpenCV puts red third.
        values = values[..., 2] if values.ndim == 3 and values.shape[2] > 2 else values.reshape(image.size[::-1])
    if values is None:
        return None
    deep = Image.fromarray(np.ascontiguousarray(values))
    deep.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    return deep


def _bits(image: Image.Image) -> int:
    """Bits per channel that the decoder of a file unpacks; Pillow keeps 8 of 16 for colours."""
    arguments = image.tile[0].args if image.tile else ""
    raw_mode = arguments if isinstance(arguments, str) else str(arguments[0])
    return 16 if ";16" in raw_mode else 8


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
        grey = as_stored(np.asarray(image), "full")
        return np.repeat(grey[..., None], 3, axis=2)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def to_thermal(image: Image.Image, thermal_range: ThermalRange = "image", normalisation: str = "dataset") -> np.ndarray:
    """uint8 (H, W) of a thermal picture of any mode; see :class:`LoadImages`."""
    return get_thermal_normalisation(normalisation).to_8_bit(_thermal_values(image), thermal_range)


def _thermal_values(image: Image.Image) -> np.ndarray:
    """(H, W) of any type: the values of the file's first channel."""
    if _is_deep(image):
        return np.asarray(image)
    if image.mode in ("L", "LA"):
        return np.asarray(image.getchannel(0))
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    rgb = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    _warn_if_coloured(rgb)
    return np.asarray(rgb.getchannel(0))


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


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
