"""HiVG: hierarchical multimodal fine-grained modulation for visual grounding (Xiao et al., ACM MM 2024)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rgbtvg.models.adapters import interleave
from rgbtvg.models.grounders.clip_grounder import CLIPGrounder
from rgbtvg.models.layers.clip_layers import CLIPMLP, CLIPAttention, Groups
from rgbtvg.registry import MODELS
from rgbtvg.structures import TextFeatures


class AdaptiveTextGate(nn.Module):
    """Several text layers, each weighted per position and channel, joined by a Linear (HiVG, section 3.2).

    Args:
        num_levels: text layers.
        text_width, text_length: of the text encoder.
        width: of the image encoder.
    """

    def __init__(self, num_levels: int, text_width: int, text_length: int, width: int) -> None:
        super().__init__()
        self.weights = nn.ParameterList(torch.randn(text_length, text_width) for _ in range(num_levels))
        self.gate = nn.Linear(num_levels * text_width, width)

    def forward(self, levels: tuple[Tensor, ...]) -> Tensor:
        """Each (B, L, text_width) -> (B, L, width)."""
        return self.gate(
            torch.cat(
                [level * (1 + w[: level.shape[1]]) for level, w in zip(levels, self.weights, strict=True)], dim=-1
            )
        )


@MODELS.register_module()
class CrossModalBridge(nn.Module):
    """HiVG's bridge (MACB): cross-attention from image tokens (queries) to words (keys, values), then an MLP.

    Args:
        width, num_heads, mlp_width: of the image encoder.
        text_width, text_length: of the text encoder.
        num_text_levels: text layers for the adaptive gate. 0: the words are ``language.tokens``, already of `width`.
        interleave_text: mix the words of the batch (:func:`interleave`) as HiVG's published code does, so that results
            depend on the other samples of the batch. The released checkpoints were trained that way.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        mlp_width: int,
        text_width: int,
        text_length: int,
        num_text_levels: int = 0,
        interleave_text: bool = False,
    ) -> None:
        super().__init__()
        self.interleave_text = interleave_text
        self.gate = AdaptiveTextGate(num_text_levels, text_width, text_length, width) if num_text_levels else None
        self.cross_norm = nn.LayerNorm(width)
        self.cross_attn = CLIPAttention(width, num_heads)
        self.cross_mlp = CLIPMLP(width, mlp_width)

    def forward(
        self, x: Tensor, language: TextFeatures, groups: Groups = (), attention_mask: Tensor | None = None
    ) -> Tensor:
        """x (S*B, N, D) -> the same shape; `attention_mask` is not needed, since words are the keys."""
        words = language.tokens if self.gate is None else self.gate(language.levels)
        if self.interleave_text:
            words = interleave(words)
        words = words.repeat(x.shape[0] // words.shape[0], 1, 1)  # (S*B, L, D)
        return x + self.cross_mlp(self.cross_attn(self.cross_norm(x), words, groups=groups), groups)


@MODELS.register_module()
class HiVG(CLIPGrounder):
    """CLIP with low-rank updates, guided by the sentence through cross-modal bridges (MACB, HiLoRA).

    The bridges are ``guides=dict(block=dict(type='CrossModalBridge', num_text_levels=...))``, HiLoRA is
    ``adapter=dict(type='LoRA', ...)`` with layers unfrozen in stages. In rgbt (the RGB-T benchmark's definition) both
    streams share CLIP, and their tokens are concatenated.

    Args:
        args, kwargs: see :class:`CLIPGrounder`.
    """
