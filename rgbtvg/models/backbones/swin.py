"""Swin Transformer (Liu et al., ICCV 2021) as in its detection code, and a pyramid on it with language inside both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.checkpoints.initial import fill_module, read_initial_weights
from rgbtvg.errors import ConfigError
from rgbtvg.models.layers.padding import nearest_padding
from rgbtvg.registry import MODELS
from rgbtvg.structures import ImageFeatures, TextFeatures

ARCHS = {
    "tiny": dict(width=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7),
    "small": dict(width=96, depths=(2, 2, 18, 2), heads=(3, 6, 12, 24), window=7),
    "base": dict(width=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=7),
}


class SwinBlock(nn.Module):
    """Window attention and MLP, pre-norm.

    The map is padded to whole windows *before* it is rolled, and shifted even where it is smaller than a window, as the
    detection code does; ``timm`` rolls first and ``torchvision`` does not shift small maps.

    Args:
        width, num_heads, window: sizes.
        shift: roll of the windows, 0 for none.
        drop_path: stochastic depth.
    """

    def __init__(self, width: int, num_heads: int, window: int, shift: int, drop_path: float) -> None:
        from timm.layers import DropPath, Mlp  # timm costs every start a second
        from timm.models.swin_transformer import WindowAttention

        super().__init__()
        self.window, self.shift = window, shift
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, num_heads, window_size=window)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, C) -> (B, h, w, C)."""
        x = x + self.drop_path(self.attend(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))

    def attend(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        x = F.pad(x, (0, 0, 0, -width % self.window, 0, -height % self.window))
        padded = x.shape[1], x.shape[2]
        mask = None
        if self.shift:
            x = x.roll((-self.shift, -self.shift), (1, 2))
            mask = shift_mask(padded, self.window, self.shift, x.device).to(x.dtype)
        x = join_windows(self.attn(split_windows(x, self.window), mask), padded, self.window)
        if self.shift:
            x = x.roll((self.shift, self.shift), (1, 2))
        return x[:, :height, :width]


def split_windows(x: Tensor, window: int) -> Tensor:
    """Map (B, h, w, C) -> the cells of its windows, row by row (B * windows, window^2, C)."""
    x = x.unflatten(2, (-1, window)).unflatten(1, (-1, window))  # (B, rows, window, columns, window, C)
    return x.transpose(2, 3).flatten(3, 4).flatten(0, 2)


def join_windows(windows: Tensor, size: tuple[int, int], window: int) -> Tensor:
    """Undo :func:`split_windows`, to a map of `size` (h, w)."""
    rows, columns = size[0] // window, size[1] // window
    x = windows.unflatten(1, (window, window)).unflatten(0, (-1, rows, columns))
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)


@lru_cache(maxsize=64)
def shift_mask(grid: tuple[int, int], window: int, shift: int, device: torch.device) -> Tensor:
    """(windows, window^2, window^2): -100 between cells that only the roll has brought into one window, else 0."""
    region = torch.zeros(1, *grid, 1, device=device)
    cuts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    for row, rows in enumerate(cuts):
        for column, columns in enumerate(cuts):
            region[:, rows, columns] = 3 * row + column
    cells = split_windows(region, window)[..., 0]  # (windows, 49)
    return torch.where(cells[:, None] == cells[:, :, None], 0.0, -100.0)


class SwinStage(nn.Module):
    """Blocks, what is plugged in, and the normalisation of the stage's output.

    Modules in ``slots`` see the tokens (B, h*w, C) after the blocks, in series; the output and the next stage both get
    what they give.
    """

    def __init__(self, width: int, num_heads: int, window: int, drop_paths: Sequence[float], downsample: bool) -> None:
        from timm.models.swin_transformer import PatchMerging

        super().__init__()
        self.blocks = nn.ModuleList(
            SwinBlock(width, num_heads, window, (window // 2) * (i % 2), rate) for i, rate in enumerate(drop_paths)
        )
        self.slots = nn.ModuleDict()
        self.norm = nn.LayerNorm(width)
        self.downsample = PatchMerging(width) if downsample else nn.Identity()

    def forward(self, x: Tensor, language: TextFeatures | None) -> tuple[Tensor, Tensor]:
        """(B, h, w, C) -> the stage's output (B, C, h, w), and what the next stage starts from (B, h/2, w/2, 2C)."""
        for block in self.blocks:
            x = block(x)
        tokens = x.flatten(1, 2)
        for module in self.slots.values():
            tokens = module(tokens, language)
        x = tokens.view_as(x)
        return self.norm(x).permute(0, 3, 1, 2), self.downsample(x)


class SwinTransformer(nn.Module):
    """Stages with maps at strides 4, 8, 16 and so on. The padding mask is not used.

    Args:
        width: channels of the first stage; they double from stage to stage.
        depths, heads: blocks and attention heads of each stage.
        window: side of the attention windows in cells.
        drop_path: stochastic depth of the last block, rising linearly from 0.
    """

    def __init__(
        self, width: int, depths: Sequence[int], heads: Sequence[int], window: int = 7, drop_path: float = 0.2
    ) -> None:
        super().__init__()
        self.widths = tuple(width * 2**i for i in range(len(depths)))
        self.patch_embed = nn.Conv2d(3, width, 4, 4)
        self.patch_norm = nn.LayerNorm(width)
        last = max(sum(depths) - 1, 1)
        rates = [drop_path * i / last for i in range(sum(depths))]
        self.stages = nn.ModuleList(
            SwinStage(self.widths[i], heads[i], window, [rates.pop(0) for _ in range(depth)], i < len(depths) - 1)
            for i, depth in enumerate(depths)
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor, language: TextFeatures | None = None) -> list[Tensor]:
        """(B, 3, H, W) -> maps (B, C_i, H / 4 / 2^i, W / 4 / 2^i), fine to coarse."""
        x = self.patch_norm(self.patch_embed(images).permute(0, 2, 3, 1))  # (B, h, w, C)
        maps = []
        for stage in self.stages:
            out, x = stage(x, language)
            maps.append(out)
        return maps


class RefinedPyramid(nn.Module):
    """Top-down sums, then bottom-up sums through what is plugged in and a 2x2 mean (QRNet, section 3.4).

    Modules in ``slots[i]`` see the tokens of map i, in series, on their way up to map i + 1.

    Args:
        in_widths: channels of the maps that come in, fine to coarse.
        width: channels of all maps that go out.
    """

    def __init__(self, in_widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in in_widths)
        for name, parameter in self.laterals.named_parameters():
            if name.endswith("weight"):
                nn.init.xavier_uniform_(parameter)
            else:
                nn.init.zeros_(parameter)
        self.slots = nn.ModuleList(nn.ModuleDict() for _ in in_widths[1:])

    def forward(self, maps: Sequence[Tensor], language: TextFeatures | None = None) -> list[Tensor]:
        """Maps (B, C_i, h_i, w_i), fine to coarse -> as many of `width` channels, and every second cell of the last."""
        down = [lateral(x) for lateral, x in zip(self.laterals, maps, strict=True)]
        for i in range(len(down) - 2, -1, -1):
            down[i] = down[i] + F.interpolate(down[i + 1], size=down[i].shape[-2:], mode="nearest")
        up = down[:1]
        for slots, x in zip(self.slots, down[1:], strict=True):
            fine = up[-1]
            tokens = fine.flatten(2).transpose(1, 2)  # (B, h*w, D)
            for module in cast(nn.ModuleDict, slots).values():
                tokens = module(tokens, language)
            up.append(x + F.avg_pool2d(tokens.transpose(1, 2).view_as(fine), 2))
        return [*up, up[-1][..., ::2, ::2]]


@MODELS.register_module()
class SwinPyramid(BaseModule):
    """Swin and pyramid; the two coarsest levels, at strides 32 and 64 for four stages, are the image's tokens.

    Language enters through the slots of the Swin's stages and of the pyramid's steps.

    Args:
        arch: ``'tiny'``, ``'small'``, ``'base'``, or a dict of `width`, `depths`, `heads` and `window`; with
            three stages the strides are 16 and 32.
        width: channels of the pyramid.
        drop_path: stochastic depth.
        pretrained: a Mask R-CNN checkpoint of the Swin detection repository, read when training starts.
    """

    def __init__(
        self, arch: str | dict = "small", width: int = 256, drop_path: float = 0.2, pretrained: str | None = None
    ) -> None:
        super().__init__()
        if isinstance(arch, str) and arch not in ARCHS:
            raise ConfigError(f"unknown Swin architecture {arch!r}; known are {', '.join(ARCHS)}, or give a dict")
        self.swin = SwinTransformer(**(ARCHS[arch] if isinstance(arch, str) else arch), drop_path=drop_path)
        self.pyramid = RefinedPyramid(self.swin.widths, width)
        self.width = width
        self.level_widths = (width, width)
        self.num_levels = len(self.swin.widths) + 1
        self.pretrained = pretrained

    def init_weights(self) -> None:
        """Read backbone and lateral convolutions of the detector; its other parts are ignored."""
        if self.pretrained is None:
            return
        renames = (
            (r"^backbone\.patch_embed\.proj\.", "swin.patch_embed."),
            (r"^backbone\.patch_embed\.norm\.", "swin.patch_norm."),
            (r"^backbone\.layers\.", "swin.stages."),
            (r"^backbone\.norm(\d)\.", r"swin.stages.\1.norm."),
            (r"^neck\.lateral_convs\.(\d)\.conv\.", r"pyramid.laterals.\1."),
        )
        fill_module(
            self, read_initial_weights(self.pretrained, "Swin"), self.pretrained, "Mask R-CNN with Swin", renames
        )

    def num_tokens(self, image_size: int) -> int:
        """Tokens of a square image of `image_size` pixels."""
        return sum(height * width for height, width in self.token_grids(image_size))

    def token_grids(self, image_size: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """(h, w) of the two levels for a square image of `image_size` pixels.

        Raises:
            ConfigError: the size is no multiple of the coarsest stride.
        """
        coarsest = 4 * 2 ** (self.num_levels - 1)
        if image_size % coarsest:
            raise ConfigError(f"SwinPyramid needs an image_size that is a multiple of {coarsest}, got {image_size}")
        side = image_size // coarsest
        return (2 * side, 2 * side), (side, side)

    def forward(self, images: Tensor, padding_mask: Tensor, language: TextFeatures | None = None) -> ImageFeatures:
        """(B, 3, H, W), (B, H, W) True where padded -> tokens (B, h*w + h*w/4, D), the finer level first.

        `levels` are the two maps; `grid` is the finer one's.
        """
        levels = self.pyramid(self.swin(images, language), language)[-2:]
        tokens, masks = [], []
        for level in levels:
            tokens.append(level.flatten(2).transpose(1, 2))
            # Nearest neighbour with the floor rule: a cell is padded when its top-left pixel is.
            masks.append(nearest_padding(padding_mask, (level.shape[-2], level.shape[-1])))
        grid = (levels[0].shape[-2], levels[0].shape[-1])
        return ImageFeatures(torch.cat(tokens, dim=1), torch.cat(masks, dim=1), grid, levels=tuple(levels))
