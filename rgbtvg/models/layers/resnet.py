"""torchvision's ResNets, and narrow ones of the same layout."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision.models import get_model
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.ops import FrozenBatchNorm2d

STEM_WIDTH = 64


class NarrowResNet(ResNet):
    """A ResNet of bottlenecks whose stem has another width than 64; all other widths follow.

    Args:
        width: channels of the stem; the stages have 4, 8, 16 and 32 times as many.
        kwargs: torchvision's.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        self.stem_width = width
        super().__init__(**kwargs)
        self.conv1 = nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = FrozenBatchNorm2d(width)

    def _make_layer(self, block: Any, planes: int, blocks: int, **kwargs: Any) -> nn.Sequential:
        if planes == STEM_WIDTH:  # the first stage
            self.inplanes = self.stem_width
        return super()._make_layer(block, planes * self.stem_width // STEM_WIDTH, blocks, **kwargs)


def frozen_norm_resnet(depth: int, dilation: bool, width: int = STEM_WIDTH) -> ResNet:
    """A ResNet with frozen batch norm and random weights.

    Args:
        depth: torchvision's, or 26 for two bottlenecks in every stage.
        dilation: dilate the last stage instead of striding.
        width: channels of the stem. Other widths than 64 have depth 26.
    """
    options = dict(norm_layer=FrozenBatchNorm2d, replace_stride_with_dilation=[False, False, dilation])
    if depth == 26:
        return NarrowResNet(width, block=Bottleneck, layers=[2, 2, 2, 2], **options)
    return get_model(f"resnet{depth}", weights=None, **options)
