"""QRNet: query-modulated refinement networks for end-to-end visual grounding (Ye et al., CVPR 2022)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from rgbtvg.models.adapters import QueryModulation
from rgbtvg.models.grounders.transvg import TransVG
from rgbtvg.models.layers.padding import masked_mean
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures


@MODELS.register_module()
class QRNet(TransVG):
    """Swin and pyramid whose stages are gated by the sentence, then TransVG's joint encoder.

    In rgbt both streams pass through the same image encoder, with the same sentence, and their cells stand side by side
    in the joint sequence. The reference knows RGB only.

    Args:
        modulation: further arguments of :class:`QueryModulation`: `channel`, `spatial`, `rank`, `reduction`.
        mean_of_words: the gates read the mean of the words instead of BERT's first token, which says nothing of the
            sentence unless BERT was taught to.
        kwargs: see :class:`TransVG`. The image encoder is a :class:`SwinPyramid`, for inputs whose side is a multiple
            of 64.
    """

    def __init__(self, *, modulation: dict | None = None, mean_of_words: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mean_of_words = mean_of_words
        self.level_embedding = nn.Embedding(self.image_encoder.num_levels, self.image_encoder.width)
        self.plug_modulation(modulation or {})

    def plug_modulation(self, modulation: dict) -> None:
        """Put the gates into the slots of the Swin's stages and of the pyramid's steps."""
        swin, pyramid, text_width = self.image_encoder.swin, self.image_encoder.pyramid, self.text_encoder.width
        for stage, width in zip(swin.stages, swin.widths, strict=True):
            stage.slots["query"] = QueryModulation(width, text_width, **modulation)
        for slots in pyramid.slots:
            slots["query"] = QueryModulation(self.image_encoder.width, text_width, **modulation)

    def encode_images(
        self, inputs: GroundingInputs, states: TextFeatures, text: TextFeatures
    ) -> dict[str, ImageFeatures]:
        """Stream -> tokens of all levels, gated by the sentence."""
        mean = masked_mean(states.tokens, states.padding_mask) if self.mean_of_words else states.tokens[:, 0]
        sentence = replace(states, pooled=mean)
        streams = self.encode_streams(self.image_encoder, inputs, language=sentence)
        return {name: self.mark_levels(stream) for name, stream in streams.items()}

    def mark_levels(self, image: ImageFeatures) -> ImageFeatures:
        """Add the embedding of its pyramid level to every token."""
        rows = self.level_embedding.weight[-len(image.levels) :]  # the coarsest levels have the last rows
        marks = torch.cat(
            [row.expand(level.shape[-2] * level.shape[-1], -1) for row, level in zip(rows, image.levels, strict=True)]
        )  # (N, D)
        return replace(image, tokens=image.tokens + marks)
