"""QRNet: query-modulated refinement networks for end-to-end visual grounding (Ye et al., CVPR 2022)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rgbtvg.models.adapters import QueryModulation
from rgbtvg.models.grounders.base import BaseGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures


@MODELS.register_module()
class QRNet(BaseGrounder):
    """Swin and pyramid whose stages are gated by the sentence, then TransVG's joint encoder.

    In rgbt both streams pass through the same image encoder, with the same sentence, and their cells stand side by side
    in the joint sequence. The reference knows RGB only.

    Args:
        image_encoder: config of :class:`SwinPyramid`.
        text_encoder: config of :class:`BertEncoder`; the vector of the first token ([CLS]) speaks for the sentence.
        fusion: config of :class:`JointEncoder`, without the token counts.
        head: config of :class:`BoxHead`.
        modulation: further arguments of :class:`QueryModulation`: `channel`, `spatial`, `rank`, `reduction`.
        neck: config of the modality neck, :class:`ConcatTokens` by default.
        image_size: side of the square network input in pixels, a multiple of 64.
        max_length: tokens of a sentence.
        kwargs: see :class:`BaseGrounder`.
    """

    def __init__(
        self,
        image_encoder: dict,
        text_encoder: dict,
        fusion: dict,
        head: dict,
        modulation: dict | None = None,
        neck: dict | None = None,
        image_size: int = 640,
        max_length: int = 20,
        **kwargs: Any,
    ) -> None:
        super().__init__(head=head, **kwargs)
        self.image_encoder = MODELS.build(image_encoder)
        self.text_encoder = MODELS.build(text_encoder)
        self.neck = MODELS.build(neck or dict(type="ConcatTokens"))
        num_image = self.neck.num_tokens(self.image_encoder.num_tokens(image_size), 0, len(self.streams))
        self.fusion = MODELS.build(dict(fusion, num_image=num_image, num_text=max_length))
        width = self.fusion.width
        self.level_embedding = nn.Embedding(self.image_encoder.num_levels, self.image_encoder.width)
        self.image_proj = nn.Linear(self.image_encoder.width, width)
        self.text_proj = nn.Linear(self.text_encoder.width, width)
        self.plug_modulation(modulation or {})

    def plug_modulation(self, modulation: dict) -> None:
        """Put the gates into the slots of the Swin's stages and of the pyramid's steps."""
        swin, pyramid, text_width = self.image_encoder.swin, self.image_encoder.pyramid, self.text_encoder.width
        for stage, width in zip(swin.stages, swin.widths, strict=True):
            stage.slots["query"] = QueryModulation(width, text_width, **modulation)
        for slots in pyramid.slots:
            slots["query"] = QueryModulation(self.image_encoder.width, text_width, **modulation)

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Joint features and the box of the regression token."""
        text = self.text_encoder(inputs.token_ids, inputs.token_mask)  # (B, L, 768)
        sentence = replace(text, pooled=text.tokens[:, 0])
        streams = self.encode_streams(self.image_encoder, inputs, language=sentence)
        streams = {name: self.mark_levels(stream) for name, stream in streams.items()}
        image = self.neck(streams, inputs)  # (B, S*N, D)
        image = replace(image, tokens=self.image_proj(image.tokens))
        text = replace(text, tokens=self.text_proj(text.tokens))
        joint = self.fusion(image, text)
        return {
            "streams": streams,
            "image": image,
            "text": text,
            "joint": joint,
            "pred_boxes": self.head(joint.regression),
        }

    def mark_levels(self, image: ImageFeatures) -> ImageFeatures:
        """Add to every token what says which level of the pyramid it is from."""
        sizes = [level[0, 0].numel() for level in image.levels]
        rows: Tensor = self.level_embedding.weight[-len(sizes) :]  # the coarsest levels have the last rows
        marks = torch.repeat_interleave(rows, torch.tensor(sizes, device=rows.device), dim=0)  # (N, D)
        return replace(image, tokens=image.tokens + marks)
