"""Necks that join an aligned pair of streams into one, token by token."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.layers.clip_layers import CLIPAttention
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures


class PairNeck(nn.Module):
    """Two streams of (B, P + N, D) in, one of the same shape out; a single stream passes unchanged.

    Mask, grid and levels are the first stream's: the pair is aligned. Thermal tokens that are left out are zero; with
    `fill_invalid_with_rgb` the RGB token of the same place replaces them, so that a weighted mean of both is RGB.
    """

    fill_invalid_with_rgb: ClassVar[bool] = False

    def num_tokens(self, num_grid: int, num_prefix: int, num_streams: int) -> int:
        """Tokens that come out for streams of `num_prefix` + `num_grid` tokens."""
        return num_prefix + num_grid

    def width(self, width: int, num_streams: int) -> int:
        """Channels that come out for streams of `width` channels."""
        return width

    def forward(
        self, features: dict[str, ImageFeatures], inputs: GroundingInputs, language: TextFeatures | None = None
    ) -> ImageFeatures:
        first, *others = features.values()
        if not others:
            return first
        thermal = others[0]
        absent = self.absent(thermal) if self.fill_invalid_with_rgb else None
        if absent is not None:
            thermal = replace(thermal, tokens=torch.where(absent[..., None], first.tokens, thermal.tokens))
        return replace(first, tokens=self.fuse(first, thermal, inputs), invalid=None)

    @staticmethod
    def absent(thermal: ImageFeatures) -> Tensor | None:
        """Thermal tokens (B, P + N) that say nothing: patches left out, and prefix tokens where all patches are."""
        if thermal.invalid is None:
            return None
        prefix = thermal.num_prefix
        nothing = thermal.padding_mask[:, prefix:].all(1, keepdim=True)  # (B, 1)
        return torch.cat((nothing.expand(-1, prefix), thermal.invalid[:, prefix:]), dim=1)

    def join_words(self, words: list[Tensor]) -> Tensor:
        """One sentence (B, L, D) from those of towers that read it once per stream: their mean."""
        return torch.stack(words).mean(0)

    def fuse(self, rgb: ImageFeatures, thermal: ImageFeatures, inputs: GroundingInputs) -> Tensor:
        """Tokens (B, P + N, D) of the joined stream."""
        raise NotImplementedError


@MODELS.register_module()
class AddStreams(PairNeck):
    """Sum of the streams."""

    def fuse(self, rgb: ImageFeatures, thermal: ImageFeatures, inputs: GroundingInputs) -> Tensor:
        return rgb.tokens + thermal.tokens


@MODELS.register_module()
class AverageStreams(PairNeck):
    """Mean of the streams."""

    fill_invalid_with_rgb = True

    def fuse(self, rgb: ImageFeatures, thermal: ImageFeatures, inputs: GroundingInputs) -> Tensor:
        return (rgb.tokens + thermal.tokens) / 2


@MODELS.register_module()
class LinearFusion(PairNeck):
    """A Linear on the channels of both streams.

    Args:
        width: channels of a stream.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(2 * width, width)

    def fuse(self, rgb: ImageFeatures, thermal: ImageFeatures, inputs: GroundingInputs) -> Tensor:
        return self.proj(torch.cat((rgb.tokens, thermal.tokens), dim=-1))


@MODELS.register_module()
class CrossFormer(PairNeck):
    """Cross-attention from thermal tokens to RGB tokens (RGBT-VGNet with two bridges).

    Args:
        width, num_heads: of the attention.
        residual: add the output to the thermal tokens. The reference replaces them: False for its checkpoints.
        softmax: normalise the attention. The reference weighs the values by the raw scaled products, whose outputs are
            thousands of times larger than the tokens: False for its checkpoints.
    """

    fill_invalid_with_rgb = True

    def __init__(self, width: int, num_heads: int = 8, residual: bool = True, softmax: bool = True) -> None:
        super().__init__()
        self.attention = (CLIPAttention if softmax else RawAttention)(width, num_heads)
        self.residual = residual

    def fuse(self, rgb: ImageFeatures, thermal: ImageFeatures, inputs: GroundingInputs) -> Tensor:
        answer = self.attention(thermal.tokens, rgb.tokens)
        return thermal.tokens + answer if self.residual else answer


class RawAttention(CLIPAttention):
    """Attention without a softmax: scaled products weigh the values as they are. It knows no masks."""

    def mix(
        self, query: Tensor, key: Tensor, value: Tensor, causal: bool, attention_mask: Tensor | None = None
    ) -> Tensor:
        return query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1) @ value


@MODELS.register_module()
class IlluminationWeighted(PairNeck):
    """Weights the streams by a scalar per image that is predicted from the illumination of the RGB image.

    Args:
        num_levels: classes of lighting, of which a softmax is taken. The reference builds one class, whose softmax is
            always 1: the RGB stream passes as it is and thermal is thrown away. 1 for its checkpoints.
    """

    fill_invalid_with_rgb = True

    def __init__(self, num_levels: int = 5) -> None:
        super().__init__()
        self.num_levels = num_levels
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * 16 * 16, 64)
        self.fc2 = nn.Linear(64, num_levels)

    def weight(self, image: Tensor) -> Tensor:
        """RGB image (B, 3, H, W) -> weight (B,) of the RGB stream."""
        x = F.interpolate(image, (64, 64), mode="bilinear", align_corners=False)
        x = F.max_pool2d(self.conv1(x), 2)
        x = F.max_pool2d(self.conv2(x), 2)  # (B, 64, 16, 16)
        levels = self.fc2(self.fc1(x.flatten(1)).relu())
        count = self.num_levels
        steps = 0.5 + 0.25 * torch.arange(count, device=levels.device)
        share = (levels * steps).float().softmax(-1)  # (B, levels), dark to bright
        if count == 1:
            return share[:, 0]
        bright, dark = share[:, count // 2 :].sum(-1), share[:, : max(0, (count - 2) // 2)].sum(-1)
        return 0.5 + 0.8 * (bright - dark) / 2

    def fuse(self, rgb: ImageFeatures, thermal: ImageFeatures, inputs: GroundingInputs) -> Tensor:
        weight = self.weight(inputs.images["rgb"])[:, None, None]
        return weight * rgb.tokens + (1 - weight) * thermal.tokens


@MODELS.register_module()
class TriPrior(PairNeck):
    """Tri-prior fusion (TPF, RGBT-VGNet v3): lighting, tokens and channels vote on the share of each stream.

    Args:
        width: channels.
    """

    fill_invalid_with_rgb = True

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token_gate = nn.Sequential(nn.Linear(3 * width, width), nn.ReLU(), nn.Linear(width, 1))
        self.channel_gate = nn.Sequential(nn.Linear(3 * width, width), nn.ReLU(), nn.Linear(width, width))
        self.alpha = nn.Parameter(torch.tensor(1.0))
        self.beta = nn.Parameter(torch.tensor(0.9))
        self.gamma = nn.Parameter(torch.tensor(0.6))
        self.delta = nn.Parameter(torch.tensor(0.2))
        self.temperature = nn.Parameter(torch.tensor(1.0))

    @staticmethod
    def illumination(image: Tensor, grid: tuple[int, int]) -> Tensor:
        """Normalised RGB image (B, 3, H, W) -> brightness (B, h*w, 1) in (0, 1), relative to the image's own mean."""
        red, green, blue = image.split(1, dim=1)
        gray = 0.299 * red + 0.587 * green + 0.114 * blue
        gray = F.interpolate(F.avg_pool2d(gray, 8), grid, mode="bilinear", align_corners=False).flatten(1)
        standard = (gray - gray.mean(1, keepdim=True)) / (gray.std(1, keepdim=True) + 1e-6)
        return standard.sigmoid()[..., None]

    def weights(self, rgb: Tensor, thermal: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
        """Patch tokens (B, N, D) of both streams and brightness (B, N, 1) -> share of RGB (B, N, 1) and channel gate
        (B, 1, D)."""
        confidence = 1 - (4 * (light - 0.5) ** 2).clamp(0, 1)
        r, t = F.layer_norm(rgb, rgb.shape[-1:]), F.layer_norm(thermal, thermal.shape[-1:])
        token = self.token_gate(torch.cat((r, t, (r - t).abs()), dim=-1)) / self.temperature.clamp(0.5, 2.0)
        r, t = r.mean(1, keepdim=True), t.mean(1, keepdim=True)
        channel = self.channel_gate(torch.cat((r, t, (r - t).abs()), dim=-1)).sigmoid()
        vote = self.alpha * (light - 0.5) * confidence + self.beta * (token.sigmoid() - 0.5)
        vote = vote + self.gamma * (channel.mean(-1, keepdim=True) - 0.5)
        return vote.sigmoid(), channel

    def fuse(self, rgb: ImageFeatures, thermal: ImageFeatures, inputs: GroundingInputs) -> Tensor:
        prefix = rgb.num_prefix
        r, t = rgb.tokens[:, prefix:], thermal.tokens[:, prefix:]
        share, channel = self.weights(r, t, self.illumination(inputs.images["rgb"], rgb.grid))
        patches = share * r + (1 - share) * t + self.delta.tanh() * channel * (r - t)
        overall = share.mean(1, keepdim=True)
        heads = overall * rgb.tokens[:, :prefix] + (1 - overall) * thermal.tokens[:, :prefix]
        return torch.cat((heads, patches), dim=1)
