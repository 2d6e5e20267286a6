"""MMCA: visual grounding with multi-modal conditional adaptation (Yao et al., ACM MM 2024)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from rgbtvg.models.adapters import ConditionalMap, ConditionalTokens
from rgbtvg.models.grounders.base import BaseGrounder
from rgbtvg.models.layers.masks import masked_mean
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs

ADAPTED_STAGES = ("layer2", "layer3", "layer4")


@MODELS.register_module()
class MMCA(BaseGrounder):
    """TransVG whose image encoder has low-rank side paths that the sentence scales.

    Three side paths stand beside the ResNet's last stages, two (queries, keys) beside every layer of the DETR encoder.
    In rgbt both streams pass through the same image encoder, with the same sentence.

    Args:
        image_encoder: config of :class:`ResNetDETR`.
        text_encoder: config of :class:`BertEncoder`.
        fusion: config of :class:`JointEncoder`, without the token counts.
        head: config of :class:`BoxHead`.
        adapter: further arguments of :class:`ConditionalMap` and :class:`ConditionalTokens`: `rank`, `gate_width`,
            `zero_init`.
        neck: config of the modality neck, :class:`ConcatTokens` by default.
        image_size: side of the square network input in pixels.
        max_length: tokens of a sentence.
        kwargs: see :class:`BaseGrounder`.
    """

    def __init__(
        self,
        image_encoder: dict,
        text_encoder: dict,
        fusion: dict,
        head: dict,
        adapter: dict | None = None,
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
        self.text_proj = nn.Linear(self.text_encoder.width, width)
        self.image_proj = nn.Linear(self.image_encoder.width, width)
        self.plug_adapters(width, adapter or {})

    def plug_adapters(self, text_width: int, adapter: dict) -> None:
        """Put the side paths into the slots of the image encoder."""
        resnet, layers = self.image_encoder.resnet, self.image_encoder.encoder.layers
        for stage in ADAPTED_STAGES:
            resnet.slots[stage] = ConditionalMap(resnet.widths[stage], text_width, **adapter)
        for layer in layers:
            for role in ("query", "key"):
                layer.slots[role] = ConditionalTokens(self.image_encoder.width, text_width, **adapter)

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Joint features and the box of the regression token."""
        text = self.text_encoder(inputs.token_ids, inputs.token_mask)  # (B, L, 768)
        words = self.text_proj(text.tokens)  # (B, L, D)
        text = replace(text, tokens=words, pooled=masked_mean(words, text.mask))
        streams = self.encode_streams(self.image_encoder, inputs, language=text)
        image = self.neck(streams, inputs)  # (B, S*N, D)
        image = replace(image, tokens=self.image_proj(image.tokens))
        joint = self.fusion(image, text)
        return {
            "streams": streams,
            "image": image,
            "text": text,
            "joint": joint,
            "pred_boxes": self.head(joint.regression),
        }
