"""RGBT-VGNet: visual grounding beyond RGB (Zhao et al., 2025, RGBT-Ground)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rgbtvg.models.adapters import PerStream, interleave
from rgbtvg.models.grounders.clip_grounder import CLIPGrounder
from rgbtvg.models.layers.clip_layers import CLIPMLP, CLIPAttention, Groups
from rgbtvg.registry import MODELS
from rgbtvg.structures import ImageFeatures, TextFeatures


class TextGuidedAttention(CLIPAttention):
    """Text-to-image attention whose transposed weights scatter the values back to the image (LAVS, RGBT-VGNet)."""

    def forward(  # type: ignore[override]
        self, x: Tensor, words: Tensor, groups: Groups = (), attention_mask: Tensor | None = None
    ) -> Tensor:
        """x (B, N, D), words (B, L, D) and the attention_mask (B, 1, 1, N) of x -> (B, N, D)."""
        query = self.split_heads(self.q_proj(words, groups))
        key = self.split_heads(self.k_proj(x, groups))
        value = self.split_heads(self.v_proj(x, groups))
        scores = query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1)  # (B, heads, L, N)
        if attention_mask is not None:
            scores = scores.masked_fill(~attention_mask, -torch.inf)
        weights = scores.softmax(-1)
        scattered = weights.transpose(-2, -1) @ (weights @ value)  # (B, heads, N, D / heads)
        return self.out_proj(scattered.transpose(1, 2).flatten(2), groups)


@MODELS.register_module()
class TextGuidedBlock(nn.Module):
    """The text-guided residual block of language-aware visual synergy (LAVS, RGBT-VGNet).

    Args:
        width, num_heads, mlp_width: of the image encoder.
        interleave_text: as in :class:`CrossModalBridge`; the RGBT-VGNet reference does it too.
    """

    def __init__(self, width: int, num_heads: int, mlp_width: int, interleave_text: bool = False) -> None:
        super().__init__()
        self.interleave_text = interleave_text
        self.cross_norm = nn.LayerNorm(width)
        self.cross_attn = TextGuidedAttention(width, num_heads)
        self.cross_mlp = CLIPMLP(width, mlp_width)

    def forward(
        self, x: Tensor, language: TextFeatures, groups: Groups = (), attention_mask: Tensor | None = None
    ) -> Tensor:
        """x (S*B, N, D) -> the same shape."""
        words = interleave(language.tokens) if self.interleave_text else language.tokens
        words = words.repeat(x.shape[0] // words.shape[0], 1, 1)  # (S*B, L, D)
        read = self.cross_attn(self.cross_norm(x), words, groups, attention_mask)
        return x + self.cross_mlp(read, groups)


class StreamExchange(nn.Module):
    """Cross-attention between the two streams of a pair at every level (the second half of LAVS).

    Args:
        num_levels, width, num_heads: sizes; every level and direction has its own attention.
    """

    def __init__(self, num_levels: int, width: int, num_heads: int) -> None:
        super().__init__()
        self.rgb = nn.ModuleList(CLIPAttention(width, num_heads) for _ in range(num_levels))
        self.ir = nn.ModuleList(CLIPAttention(width, num_heads) for _ in range(num_levels))

    def forward(self, levels: tuple[Tensor, ...], invalid: Tensor | None = None) -> tuple[Tensor, ...]:
        """Levels (2*B, N, D), RGB then thermal, each plus its attention to the other stream.

        Tokens that `invalid` (2*B, N) names are not attended to.
        """
        exchanged = []
        thermal_mask = None if invalid is None else ~invalid.chunk(2)[1][:, None, None]  # (B, 1, 1, N)
        for level, rgb_to_ir, ir_to_rgb in zip(levels, self.rgb, self.ir, strict=True):
            rgb, thermal = level.chunk(2)
            seen = rgb + rgb_to_ir(rgb, thermal, attention_mask=thermal_mask)
            exchanged.append(torch.cat((seen, thermal + ir_to_rgb(thermal, rgb))))
        return tuple(exchanged)


@MODELS.register_module()
class RGBTVGNet(CLIPGrounder):
    """CLIP with asymmetric modality adaptation (AMA: one low-rank adapter per stream) and language-aware visual synergy
    (LAVS: text-guided blocks and an exchange between the streams).

    The published generations are configs: v1 (:class:`CrossModalBridge`, tokens concatenated), v2
    (:class:`TextGuidedBlock` per stream and `stream_exchange`), v3 (v2 with the neck :class:`TriPrior`), and "two
    encoders" (one CLIP with a bridge and projections per stream).

    Args:
        stream_exchange: let the streams of a pair attend to each other at every level.
        level_adapter: config of :class:`CLIPAdapter`, one per stream and level in `levels`:
            ``dict(type='CLIPAdapter', levels=[0])`` with indices into the image encoder's `out_levels`.
        kwargs: see :class:`CLIPGrounder`.
    """

    def __init__(
        self,
        stream_exchange: bool = False,
        level_adapter: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        encoder = self.image_encoder
        exchanges = stream_exchange and len(self.streams) == 2
        self.stream_exchange = (
            StreamExchange(len(encoder.out_levels), encoder.arch["width"], encoder.arch["heads"]) if exchanges else None
        )
        self.level_adapters = nn.ModuleDict()
        if level_adapter is not None:
            self._build_level_adapters(**level_adapter)

    def _build_level_adapters(self, levels: Sequence[int], **adapter: Any) -> None:
        encoder = self.image_encoder
        for level in levels:
            index = range(len(encoder.out_levels))[level]
            adapters = {stream: MODELS.build(dict(adapter, width=encoder.level_widths[0])) for stream in self.streams}
            self.level_adapters[str(index)] = PerStream(adapters)

    def adapt_levels(self, features: ImageFeatures) -> tuple[Tensor, ...]:
        levels = tuple(
            self.level_adapters[str(index)](level, groups=self.streams) if str(index) in self.level_adapters else level
            for index, level in enumerate(features.levels)
        )
        return levels if self.stream_exchange is None else self.stream_exchange(levels, features.invalid)
