"""A few convolutions, for models that are trained from scratch in minutes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mmengine.model import BaseModule
from torch import Tensor, nn

from rgbtvg.checkpoints.initial import fill_module, read_initial_weights
from rgbtvg.models.layers.padding import nearest_padding
from rgbtvg.registry import MODELS
from rgbtvg.structures import ImageFeatures, TextFeatures


@MODELS.register_module()
class ConvEncoder(BaseModule):
    """Strided convolutions with group norm, then one more without stride. The padding mask is not used.

    Args:
        widths: channels after every halving of the image; ``(24, 48)`` ends at stride 4.
        num_groups: of the norms.
        pretrained: a file of ``pretrain_weights/miniature``, read when training starts.
    """

    def __init__(self, widths: Sequence[int] = (24, 48), num_groups: int = 6, pretrained: str | None = None) -> None:
        super().__init__()
        self.pretrained = pretrained
        layers: list[nn.Module] = []
        for channels, width in pairwise((3, *widths)):
            layers += [nn.Conv2d(channels, width, 3, 2, 1), nn.GroupNorm(num_groups, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], widths[-1], 3, 1, 1), nn.ReLU())
        self.num_halvings = len(widths)
        self.width = widths[-1]
        self.level_widths = (self.width,)

    def init_weights(self) -> None:
        """Read the pre-trained weights."""
        if self.pretrained is not None:
            state = read_initial_weights(self.pretrained, "ConvEncoder")
            fill_module(self, state, self.pretrained, "ConvEncoder", [])

    def num_tokens(self, image_size: int) -> int:
        """Cells of a square image of `image_size` pixels; an odd side is rounded up at every halving."""
        return (-(-image_size // 2**self.num_halvings)) ** 2

    def forward(self, images: Tensor, padding_mask: Tensor, language: TextFeatures | None = None) -> ImageFeatures:
        """(B, 3, H, W) -> the map as `levels` (B, C, h, w) and as `tokens`."""
        x = self.layers(images)
        grid = (x.shape[-2], x.shape[-1])
        mask = nearest_padding(padding_mask, grid)
        return ImageFeatures(x.flatten(2).transpose(1, 2), mask, grid, levels=(x,))
