"""Geometric transforms. Each draws its parameters once and applies them to all images, boxes, masks and the frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from rgbtvg.datasets.transforms.base import build_transforms, change_masks, resize_image, resize_mask, scaled_size
from rgbtvg.datasets.transforms.directions import has_direction, mirror_expression
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import TRANSFORMS


def current_size(results: dict[str, Any]) -> tuple[int, int]:
    """(height, width) of the current image."""
    height, width = next(iter(results["images"].values())).shape[:2]
    return height, width


def boxes_of(results: dict[str, Any]) -> np.ndarray:
    """Boxes (N, 4) xyxy in pixels of the current image; N is 0 where the sample has none."""
    boxes = results.get("boxes")
    return np.zeros((0, 4), np.float32) if boxes is None else boxes


@TRANSFORMS.register_module()
class CheckBoxes(BaseTransform):
    """Refuse samples that teach nothing: a box without area, or wholly outside the image. For training pipelines.

    Boxes that reach beyond the border stay as they are. Evaluation counts every row of its file and leaves this out.

    Raises:
        DataError: naming the box and the image.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = results["ori_shape"]
        for box in results["gt_boxes_xyxy"]:
            x0, y0, x1, y1 = box.tolist()
            fault = None
            if not (x1 > x0 and y1 > y0):
                fault = "has no area"
            elif not (x0 < width and y0 < height and x1 > 0 and y1 > 0):
                fault = f"lies outside the image of {width}x{height}"
            if fault is not None:
                image = next(iter(results.get("image_paths", {"": "the image"}).values()))
                raise DataError(f"the box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) of {image} {fault}")
        return results


@TRANSFORMS.register_module()
class ResizeLongSide(BaseTransform):
    """Resize so that the long side has one of a few lengths, drawn at random if there are several.

    Sides become ``round(side * ratio)`` (PIL bilinear, antialiased); boxes and frame move by the ratio itself.

    Args:
        size: the largest length.
        scale_steps: how many lengths: ``size - k * step`` for k below this. 1 for evaluation.
        scale_divisor: step = int(size / scale_divisor), the benchmark's; unless
        scale_stride: step in pixels (32 in TransVG, CLIP-VG and HiVG).
        rgbt_resize: ``'separate'`` resizes RGB and thermal each by itself. ``'premultiplied'`` repeats the benchmark's
            reader, which holds thermal as the alpha channel of an RGBA image, so that Pillow weights the colours with
            the heat: they are quantised where thermal is dark and black where it is 0. For checkpoints that were
            trained so.
        exact: see :func:`resize_image`. The quick way is meant for training; ``'premultiplied'`` is always exact.
    """

    def __init__(
        self,
        size: int,
        scale_steps: int = 1,
        scale_divisor: int = 8,
        scale_stride: int | None = None,
        rgbt_resize: str = "separate",
        exact: bool = True,
    ) -> None:
        step = int(size / scale_divisor) if scale_stride is None else scale_stride
        self.sizes = [size - step * k for k in range(scale_steps)]
        if not self.sizes or self.sizes[-1] <= 0:
            raise ConfigError(f"{scale_steps} lengths in steps of {step} from {size} down end below one pixel")
        if rgbt_resize not in ("separate", "premultiplied"):
            raise ConfigError(f"rgbt_resize must be 'separate' or 'premultiplied', got {rgbt_resize!r}")
        self.rgbt_resize = rgbt_resize
        self.exact = exact

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = current_size(results)
        size = self.sizes[np.random.randint(len(self.sizes))] if len(self.sizes) > 1 else self.sizes[0]
        ratio = size / max(height, width)
        new_width, new_height = scaled_size((height, width), ratio)

        images = results["images"]
        if self.rgbt_resize == "premultiplied" and images.keys() == {"rgb", "ir"}:
            stacked = resize_image(np.dstack((images["rgb"], images["ir"])), new_width, new_height)
            results["images"] = {"rgb": stacked[..., :3], "ir": stacked[..., 3]}
        else:
            results["images"] = {
                stream: resize_image(image, new_width, new_height, self.exact) for stream, image in images.items()
            }
        change_masks(results, lambda masks: resize_mask(masks, new_width, new_height))
        if results.get("boxes") is not None:
            results["boxes"] = results["boxes"] * np.float32(ratio)
        results["frame"] = results["frame"].scaled(ratio, ratio)
        return results


@TRANSFORMS.register_module()
class RandomResizeCrop(BaseTransform):
    """Cut out a part that keeps the target: crop branch of the TransVG family.

    There the image is first resized so that its short side is one of `short_sides`, then cut to a width and a height
    from `crop_range`, and resized again afterwards. Only the cut is done here, on the image as it is: the first
    resize says how large the cut is in relation to the image, so pixels are interpolated once instead of twice.
    The image stays whole when no try is accepted. Boxes are shifted and limited to the cut.

    Args:
        short_sides: lengths of the short side, one drawn at random.
        crop_range: smallest and largest side of the cut at that scale.
        tries: how often to draw a cut.
        swapped_axes: accept by the reference's test, which compares the x of the box centre with the top and the y with
            the left of the cut and does not look at the right and bottom: a box may be cut to a sliver or to nothing.
            Off: the centre of every target lies inside the cut.
    """

    def __init__(
        self,
        short_sides: Sequence[int] = (400, 500, 600),
        crop_range: tuple[int, int] = (384, 600),
        tries: int = 20,
        swapped_axes: bool = False,
    ) -> None:
        self.short_sides = tuple(short_sides)
        self.crop_range = tuple(crop_range)
        self.tries = tries
        self.swapped_axes = swapped_axes

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = current_size(results)
        ratio = self.short_sides[np.random.randint(len(self.short_sides))] / min(height, width)
        boxes = boxes_of(results)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        for _ in range(self.tries):
            left, crop_width = self._draw(round(width * ratio))
            top, crop_height = self._draw(round(height * ratio))
            # From the resized image back to the image as it is.
            x0, x1 = round(left / ratio), min(round((left + crop_width) / ratio), width)
            y0, y1 = round(top / ratio), min(round((top + crop_height) / ratio), height)
            if self._accepts(centres, x0, y0, x1, y1):
                return crop(results, x0, y0, x1, y1)
        return results

    def _draw(self, side: int) -> tuple[int, int]:
        """Start and length of a cut along one side."""
        smallest, largest = self.crop_range
        largest = min(largest, side)
        length = np.random.randint(min(smallest, largest), largest + 1)
        return np.random.randint(side - length + 1), length

    def _accepts(self, centres: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> bool:
        if self.swapped_axes:
            return bool((centres > (y0, x0)).all())
        return bool(((centres > (x0, y0)) & (centres < (x1, y1))).all())


def crop(results: dict[str, Any], x0: int, y0: int, x1: int, y1: int) -> dict[str, Any]:
    """Cut all images to [x0, x1) x [y0, y1); boxes are shifted and limited to the cut."""
    results["images"] = {stream: image[y0:y1, x0:x1] for stream, image in results["images"].items()}
    change_masks(results, lambda masks: masks[:, y0:y1, x0:x1])
    limits = np.array([x1 - x0, y1 - y0] * 2, dtype=np.float32)
    shift = np.array([x0, y0] * 2, dtype=np.float32)
    if results.get("boxes") is not None:
        results["boxes"] = np.clip(results["boxes"] - shift, 0, limits)
    results["frame"] = results["frame"].shifted(-x0, -y0)
    return results


@TRANSFORMS.register_module()
class DirectionAwareChoice(BaseTransform):
    """Apply transforms with a probability, except to expressions about a place in the image.

    A crop could make such an expression wrong, see :func:`~rgbtvg.datasets.transforms.directions.has_direction`.

    Args:
        transforms: what to apply, one after another.
        prob: probability for the other expressions.
        substring: look for "left", "right", "top", "bottom" and "middle" inside any word, as the references do
            ("bright", "stop").
    """

    def __init__(self, transforms: Sequence[dict | Callable], prob: float = 0.5, substring: bool = False) -> None:
        self.transforms = build_transforms(transforms)
        self.prob = prob
        self.substring = substring

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        # Drawn for every sample, so that one sentence does not change the numbers of the next.
        drawn = np.random.random() < self.prob
        if drawn and not has_direction(results["expression"], self.substring):
            for transform in self.transforms:
                results = transform(results)
        return results


@TRANSFORMS.register_module()
class HorizontalFlip(BaseTransform):
    """Mirror the sample and swap left and right in its expression.

    Args:
        prob: probability.
        substring: swap the letters inside any word, as TransVG does ("bright" becomes "bleft"). Off: words about
            sides and their compounds (leftmost, left-hand, topleft).
    """

    def __init__(self, prob: float = 0.5, substring: bool = False) -> None:
        self.prob = prob
        self.substring = substring

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob:
            return results
        _, width = current_size(results)
        results["images"] = {stream: image[:, ::-1] for stream, image in results["images"].items()}
        change_masks(results, lambda masks: masks[:, :, ::-1])
        if results.get("boxes") is not None:
            x0, y0, x1, y1 = results["boxes"].T
            results["boxes"] = np.stack((width - x1, y0, width - x0, y1), axis=1)
        results["frame"] = results["frame"].mirrored(width)
        results["expression"] = mirror_expression(results["expression"], self.substring)
        return results


@TRANSFORMS.register_module()
class PadToSquare(BaseTransform):
    """Say where the image will lie in a square input; nothing is padded yet.

    The preprocessor pads after normalising, so that padding has the mean colour.

    Args:
        size: side of the input.
        random: draw the offset uniformly from 0 to the free space, both included. Off: in the centre; the odd pixel
            goes to the right and bottom (``floor(free / 2)``; the ``round(free / 2 - 0.1)`` of other references is the
            same).
    """

    def __init__(self, size: int, random: bool = False) -> None:
        self.size = size
        self.random = random

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = current_size(results)
        free_x, free_y = self.size - width, self.size - height
        if min(free_x, free_y) < 0:
            raise ConfigError(
                f"an image of {width}x{height} does not fit into {self.size}x{self.size}: resize it before"
            )
        if self.random:
            top, left = np.random.randint(free_y + 1), np.random.randint(free_x + 1)
        else:
            top, left = free_y // 2, free_x // 2
        results["pad_offset"] = (int(left), int(top))
        results["input_shape"] = (self.size, self.size)
        return results
