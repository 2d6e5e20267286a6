"""Blocks that let the sentence guide the image encoder from a slot of its layers.

A guide runs as ``x = guide(x, language, groups=groups)``: x (S*B, N, D) holds the S streams of `groups` one after
another, ``language.tokens`` is (B, L, D).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters.per_stream import PerStream
from rgbtvg.models.backbones.clip import CLIPTextEncoder, CLIPVisionEncoder
from rgbtvg.models.layers.clip_layers import CLIPMLP, CLIPAttention, CLIPLayer
from rgbtvg.models.layers.linear import Groups
from rgbtvg.registry import MODELS
from rgbtvg.structures import MODALITY_STREAMS, TextFeatures


def interleave(tokens: Tensor) -> Tensor:
    """Reproduce the references' (L, B, D) -> (B, L, D) reshape, which lacks a transpose.

    Sample b gets rows b*L ... b*L + L - 1 of the flattened (L, B, D) tensor, that is, words of every sample in the
    batch. With B = 1 this is the identity.
    """
    return tokens.transpose(0, 1).reshape(tokens.shape)


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


@dataclass
class Guides:
    """Guides in the slots of an image encoder.

    Args:
        block: config of the guide (:class:`CrossModalBridge`, :class:`TextGuidedBlock`), without sizes; None for none.
        layers: layers of the image encoder that get a guide, counted from 0.
        per_stream: one guide per stream instead of a shared one.
        frozen: streams whose guides stay frozen. The reference with two bridges leaves the thermal one untrained.

    Raises:
        ConfigError: unknown streams or layers.
    """

    block: dict | None = None
    layers: Sequence[int] = (0, 3, 7, 11)
    per_stream: bool = False
    frozen: Sequence[str] = ()

    def attach(
        self, image_encoder: CLIPVisionEncoder, text_encoder: CLIPTextEncoder, streams: Sequence[str]
    ) -> nn.Linear | None:
        """Insert the guides; returns the projection of words to the image encoder's width, where guides need one."""
        if set(self.frozen) - set(MODALITY_STREAMS["rgbt"]):
            raise ConfigError(f"frozen guides must be of rgb, ir; got {tuple(self.frozen)}")
        if self.block is None:
            return None
        arch = image_encoder.arch
        sizes = dict(width=arch["width"], num_heads=arch["heads"], mlp_width=arch["mlp_width"])
        if self.block["type"] == "CrossModalBridge":
            sizes.update(text_width=text_encoder.arch["width"], text_length=text_encoder.arch["context_length"])
        if not set(self.layers) <= set(range(len(image_encoder.layers))):
            raise ConfigError(
                f"guide layers {tuple(self.layers)} are not all among the {len(image_encoder.layers)} layers, from 0"
            )
        for index in self.layers:
            guides = [MODELS.build({**sizes, **self.block}) for _ in (streams if self.per_stream else [None])]
            guide = PerStream(dict(zip(streams, guides, strict=True))) if self.per_stream else guides[0]
            cast(CLIPLayer, image_encoder.layers[index]).slots["guide"] = guide
        return None if self.block.get("num_text_levels") else nn.Linear(text_encoder.embed_dim, arch["width"])

    def unfreeze(self, image_encoder: CLIPVisionEncoder) -> None:
        """Make the guides trainable, except for those of `frozen` streams."""
        for layer in cast("list[CLIPLayer]", list(image_encoder.layers)):
            for guide in layer.slots.values():
                guide.requires_grad_(True)
                for stream in self.frozen:
                    if isinstance(guide, PerStream) and stream in guide:
                        guide[stream].requires_grad_(False)
