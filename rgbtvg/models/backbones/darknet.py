"""Darknet-53 with the neck of YOLOv3 (Redmon and Farhadi 2018), up to the maps that its detection heads would read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.checkpoints.darknet_file import BLOCKS_PER_STAGE, read_darknet_weights
from rgbtvg.checkpoints.initial import fill_module, read_initial_weights
from rgbtvg.errors import ConfigError
from rgbtvg.models.layers.padding import nearest_padding
from rgbtvg.registry import MODELS
from rgbtvg.structures import ImageFeatures, TextFeatures

STRIDES = (32, 16, 8)


def convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> ConvModule:
    """Convolution, batch norm, leaky ReLU."""
    return ConvModule(
        in_channels,
        out_channels,
        kernel,
        stride,
        padding=kernel // 2,
        norm_cfg=dict(type="BN"),
        act_cfg=dict(type="LeakyReLU", negative_slope=0.1),
    )


class Residual(nn.Module):
    """1x1 to half the channels, 3x3 back, and the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = convolution(channels, channels // 2, 1)
        self.restore = convolution(channels // 2, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.restore(self.reduce(x))


class NeckLevel(nn.Module):
    """One level of the neck: four convolutions to the map that goes out, two more on the way to the next level."""

    def __init__(self, in_channels: int, width: int, goes_on: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(in_channels, width, 1),
            convolution(width, 2 * width, 3),
            convolution(2 * width, width, 1),
            convolution(width, 2 * width, 3),
        )
        self.narrow = convolution(2 * width, width, 1) if goes_on else nn.Identity()
        self.ascend = convolution(width, width // 2, 1) if goes_on else nn.Identity()

    def go_on(self, x: Tensor) -> Tensor:
        """This level's map (B, 2C, h, w) -> what the next level joins with the backbone's map, (B, C/2, 2h, 2w)."""
        return F.interpolate(self.ascend(self.narrow(x)), scale_factor=2, mode="nearest")


@MODELS.register_module()
class Darknet53(BaseModule):
    """Maps at strides 32, 16 and 8, of 1024, 512 and 256 channels. The padding mask is not used.

    Args:
        strides: the maps that go out, coarse to fine; what lies beyond the finest is not built.
        width: channels of the first convolution.
        blocks: residual blocks of the five stages, YOLOv3's by default.
        pretrained: ``yolov3.weights``, or a ``.safetensors`` file of ours, read when training starts.
    """

    def __init__(
        self,
        strides: Sequence[int] = STRIDES,
        width: int = 32,
        blocks: Sequence[int] = BLOCKS_PER_STAGE,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        if not strides or tuple(strides) != tuple(s for s in STRIDES if s in strides):
            raise ConfigError(f"Darknet53's strides must be some of {STRIDES}, in this order, got {tuple(strides)}")
        self.strides = tuple(strides)
        self.pretrained = pretrained
        self.stem = convolution(3, width, 3)
        self.stages = nn.ModuleList()
        for stage, count in enumerate(blocks):
            channels = width * 2 ** (stage + 1)
            down = convolution(channels // 2, channels, 3, stride=2)
            self.stages.append(nn.Sequential(down, *(Residual(channels) for _ in range(count))))
        depth = 1 + STRIDES.index(self.strides[-1])
        entering = (32 * width, 24 * width, 12 * width)
        self.levels = nn.ModuleList(
            NeckLevel(entering[i], 16 * width // 2**i, goes_on=i < depth - 1) for i in range(depth)
        )
        self.level_widths = tuple(32 * width // 2 ** STRIDES.index(stride) for stride in self.strides)
        self.width = self.level_widths[-1]

    def init_weights(self) -> None:
        """Read the weights of backbone and neck; the detection heads are ignored."""
        if self.pretrained is None:
            return
        ours = self.pretrained.endswith(".safetensors")
        state = read_initial_weights(self.pretrained, "Darknet") if ours else read_darknet_weights(self.pretrained)
        fill_module(self, state, self.pretrained, "YOLOv3", [("", "")])

    def num_tokens(self, image_size: int) -> int:
        """Cells of the finest map of a square image of `image_size` pixels, a multiple of 32."""
        return (image_size // self.strides[-1]) ** 2

    def forward(self, images: Tensor, padding_mask: Tensor, language: TextFeatures | None = None) -> ImageFeatures:
        """(B, 3, H, W), multiples of 32 -> `levels` (B, C, h, w), coarse to fine; `tokens` are those of the last."""
        maps = [self.stem(images)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        first, *rest = cast("list[NeckLevel]", list(self.levels))
        levels = [first.body(maps.pop())]
        for coarse, level in pairwise((first, *rest)):
            x = torch.cat((coarse.go_on(levels[-1]), maps.pop()), dim=1)
            levels.append(level.body(x))
        levels = [x for x, stride in zip(levels, STRIDES, strict=False) if stride in self.strides]
        finest = levels[-1]
        grid = (finest.shape[-2], finest.shape[-1])
        mask = nearest_padding(padding_mask, grid)
        return ImageFeatures(finest.flatten(2).transpose(1, 2), mask, grid, levels=tuple(levels))
