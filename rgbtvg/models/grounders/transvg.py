"""TransVG: end-to-end visual grounding with transformers (Deng et al., ICCV 2021)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from rgbtvg.models.grounders.regression import RegressionGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures


@MODELS.register_module()
class TransVG(RegressionGrounder):
    """ResNet + DETR encoder and BERT, joined by one transformer whose regression token gives the box.

    In rgbt both streams pass through the same image encoder and their cells stand side by side in the joint sequence.
    QRNet and MMCA subclass it with other image encoders.

    Args:
        project_image: apply a linear layer to the image cells before they are joined (the paper). The RGB-T benchmark's
            variant creates that layer and never applies it: False for its checkpoints.
        kwargs: see :class:`RegressionGrounder`; encoders :class:`ResNetDETR` and :class:`BertEncoder`, head
            :class:`BoxHead`.
    """

    def __init__(self, image_size: int = 640, max_length: int = 20, project_image: bool = True, **kwargs: Any) -> None:
        super().__init__(image_size=image_size, max_length=max_length, **kwargs)
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
        joint = self.fusion(image, text, return_attention)
        return {
            "streams": streams,
            "image": image,
            "text": text,
            "joint": joint,
            **self.locate(image, states, joint, streams),
        }

    def encode_images(
        self, inputs: GroundingInputs, states: TextFeatures, text: TextFeatures
    ) -> dict[str, ImageFeatures]:
        """Stream -> features; descendants guide the encoder by the words, as BERT gave them or as projected."""
        return self.encode_streams(self.image_encoder, inputs)
