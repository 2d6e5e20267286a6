"""The map between the original image and the padded network input."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rgbtvg.structures.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh


@dataclass(frozen=True)
class Frame:
    """Axis-aligned map ``x_input = scale_x * x_image + shift_x`` (and y alike), both in pixels.

    Resizing, cropping, flipping and padding all compose into it, so one object undoes any chain of geometric
    transforms. A mirrored image has a negative `scale_x`.
    """

    scale_x: float = 1.0
    scale_y: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def scaled(self, ratio_x: float, ratio_y: float) -> Frame:
        """After resizing by the ratios."""
        return Frame(self.scale_x * ratio_x, self.scale_y * ratio_y, self.shift_x * ratio_x, self.shift_y * ratio_y)

    def shifted(self, x: float, y: float) -> Frame:
        """After moving the content by (x, y) pixels: padding moves by positive, cropping by negative amounts."""
        return replace(self, shift_x=self.shift_x + x, shift_y=self.shift_y + y)

    def mirrored(self, width: float) -> Frame:
        """After a left-right flip of an image `width` pixels wide."""
        return replace(self, scale_x=-self.scale_x, shift_x=width - self.shift_x)

    def to_input(self, boxes_xyxy: Tensor) -> Tensor:
        """Boxes (..., 4) xyxy, image pixels to input pixels."""
        return self._map(boxes_xyxy, self.scale_x, self.scale_y, self.shift_x, self.shift_y)

    def to_image(self, boxes_xyxy_input: Tensor) -> Tensor:
        """Boxes (..., 4) xyxy, input pixels to image pixels."""
        return self._map(
            boxes_xyxy_input,
            1 / self.scale_x,
            1 / self.scale_y,
            -self.shift_x / self.scale_x,
            -self.shift_y / self.scale_y,
        )

    @staticmethod
    def _map(boxes: Tensor, scale_x: float, scale_y: float, shift_x: float, shift_y: float) -> Tensor:
        scale = boxes.new_tensor([scale_x, scale_y, scale_x, scale_y])
        shift = boxes.new_tensor([shift_x, shift_y, shift_x, shift_y])
        x0, y0, x1, y1 = (boxes * scale + shift).unbind(-1)
        if scale_x < 0:
            x0, x1 = x1, x0
        return torch.stack((x0, y0, x1, y1), dim=-1)


def normalise_boxes(boxes_xyxy_input: Tensor, input_shape: tuple[int, int]) -> Tensor:
    """Input pixels (..., 4) xyxy to cxcywh in [0, 1] of the padded input of `input_shape` (H, W)."""
    height, width = input_shape
    return xyxy_to_cxcywh(boxes_xyxy_input) / boxes_xyxy_input.new_tensor([width, height, width, height])


def denormalise_boxes(boxes_cxcywh: Tensor, input_shape: tuple[int, int]) -> Tensor:
    """cxcywh in [0, 1] of the padded input of `input_shape` (H, W) to input pixels (..., 4) xyxy."""
    height, width = input_shape
    # A tensor of the sides would have to travel to the device first.
    x0, y0, x1, y1 = cxcywh_to_xyxy(boxes_cxcywh).unbind(-1)
    return torch.stack((x0 * width, y0 * height, x1 * width, y1 * height), dim=-1)
