"""TransVG: end-to-end visual grounding with transformers (Deng et al., ICCV 2021)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from rgbtvg.models.grounders.balanced import BalancedGrounder
from rgbtvg.models.grounders.base import cell_maps
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures


@MODELS.register_module()
class TransVG(BalancedGrounder):
    """ResNet + DETR encoder and BERT, joined by one transformer whose regression token gives the box.

    In rgbt both streams pass through the same image encoder and their cells stand side by side in the joint sequence.
    QRNet and MMCA subclass it with other image encoders.

    Args:
        fusion: config of :class:`JointEncoder`, without the token counts.
        image_size: side of the square network input in pixels.
        max_length: tokens of a sentence.
        project_image: apply a linear layer to the image cells before they are joined (the paper). The RGB-T benchmark's
            variant creates that layer and never applies it: False for its checkpoints.
        kwargs: see :class:`BalancedGrounder`; encoders :class:`ResNetDETR` and :class:`BertEncoder`, head
            :class:`BoxHead`.
    """

    def __init__(
        self, fusion: dict, image_size: int = 640, max_length: int = 20, project_image: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        num_cells = self.image_encoder.num_tokens(image_size)
        side = math.isqrt(num_cells)
        num_image = self.neck.num_tokens(num_cells, 0, len(self.streams))
        grid = (side, side) if side**2 == num_cells else None  # several levels have no grid in common
        self.fusion = MODELS.build(dict(fusion, num_image=num_image, num_text=max_length, image_grid=grid))
        width = self.fusion.width
        self.image_proj = nn.Linear(self.image_encoder.width, width) if project_image else nn.Identity()
        self.text_proj = nn.Linear(self.text_encoder.width, width)

    def encode(self, inputs: GroundingInputs, return_attention: bool = False) -> dict[str, Any]:
        """Joint features and the box of the regression token."""
        states = self.text_encoder(inputs.token_ids, inputs.token_padding_mask)  # (B, L, 768)
        text = replace(states, tokens=self.text_proj(states.tokens))  # (B, L, D)
        streams = self.encode_images(inputs, states, text)
        image = self.neck(streams, inputs)  # (B, S*N, D)
        image = replace(image, tokens=self.image_proj(image.tokens))
        joint = self.fusion(image, text, return_attention or self.attended_centre)
        return {
            "streams": streams,
            "image": image,
            "text": text,
            "joint": joint,
            "pred_boxes_cxcywh": self.regressed_boxes(joint, streams),
        }

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Attention of the regression token."""
        return cell_maps("attention", self.fusion.answer_attention(outputs["joint"]), outputs["streams"])

    def encode_images(
        self, inputs: GroundingInputs, states: TextFeatures, text: TextFeatures
    ) -> dict[str, ImageFeatures]:
        """Stream -> features; descendants guide the encoder by the words, as BERT gave them or as projected."""
        return self.encode_streams(self.image_encoder, inputs)
