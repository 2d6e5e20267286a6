"""Blocks that let the sentence guide the image encoder from a slot of its layers.

A guide runs as ``x = guide(x, language, groups=groups)``: x (S*B, N, D) holds the S streams of `groups` one after
another, ``language.tokens`` is (B, L, D).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters.per_stream import PerStream
from rgbtvg.models.backbones.clip import CLIPTextEncoder, CLIPVisionEncoder
from rgbtvg.models.layers.clip_layers import CLIPLayer
from rgbtvg.registry import MODELS
from rgbtvg.structures import MODALITY_STREAMS


def interleave(tokens: Tensor) -> Tensor:
    """Reproduce the references' (L, B, D) -> (B, L, D) reshape, which lacks a transpose.

    Sample b gets rows b*L ... b*L + L - 1 of the flattened (L, B, D) tensor, that is, words of every sample in the
    batch. With B = 1 this is the identity.
    """
    return tokens.transpose(0, 1).reshape(tokens.shape)


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
