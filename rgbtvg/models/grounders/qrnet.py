"""QRNet: query-modulated refinement networks for end-to-end visual grounding (Ye et al., CVPR 2022)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from rgbtvg.models.adapters import QueryModulation
from rgbtvg.models.grounders.transvg import TransVG
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures


@MODELS.register_module()
class QRNet(TransVG):
    """Swin and pyramid whose stages are gated by the sentence, then TransVG's joint encoder.

    In rgbt both streams pass through the same image encoder, with the same sentence, and their cells stand side by side
    in the joint sequence. The reference knows RGB only.

    Args:
        modulation: further arguments of :class:`QueryModulation`: `channel`, `spatial`, `rank`, `reduction`.
        kwargs: see :class:`TransVG`. The image encoder is a :class:`SwinPyramid`, for inputs whose side is a multiple
            of 64; of the text encoder the vector of the first token ([CLS]) speaks for the sentence.
    """

    def __init__(self, *, modulation: dict | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
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
        """Stream -> tokens of all levels, gated by BERT's [CLS]."""
        sentence = replace(states, pooled=states.tokens[:, 0])
        streams = self.encode_streams(self.image_encoder, inputs, language=sentence)
        return {name: self.mark_levels(stream) for name, stream in streams.items()}

    def mark_levels(self, image: ImageFeatures) -> ImageFeatures:
        """Add the embedding of its pyramid level to every token."""
        rows = self.level_embedding.weight[-len(image.levels) :]  # the coarsest levels have the last rows
        marks = torch.cat(
            [row.expand(level.shape[-2] * level.shape[-1], -1) for row, level in zip(rows, image.levels, strict=True)]
        )  # (N, D)
        return replace(image, tokens=image.tokens + marks)
