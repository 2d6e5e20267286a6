"""MMCA: visual grounding with multi-modal conditional adaptation (Yao et al., ACM MM 2024)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rgbtvg.models.adapters import ConditionalMap, ConditionalTokens
from rgbtvg.models.grounders.transvg import TransVG
from rgbtvg.models.layers.padding import masked_mean
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures

ADAPTED_STAGES = ("layer2", "layer3", "layer4")


@MODELS.register_module()
class MMCA(TransVG):
    """TransVG whose image encoder has low-rank side paths that the sentence scales.

    Three side paths stand beside the ResNet's last stages, two (queries, keys) beside every layer of the DETR encoder.
    In rgbt both streams pass through the same image encoder, with the same sentence.

    Args:
        adapter: further arguments of :class:`ConditionalMap` and :class:`ConditionalTokens`: `rank`, `gate_width`,
            `zero_init`.
        kwargs: see :class:`TransVG`.
    """

    def __init__(self, *, adapter: dict | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plug_adapters(self.fusion.width, adapter or {})

    def plug_adapters(self, text_width: int, adapter: dict) -> None:
        """Put the side paths into the slots of the image encoder."""
        resnet, layers = self.image_encoder.resnet, self.image_encoder.encoder.layers
        for stage in ADAPTED_STAGES:
            resnet.slots[stage] = ConditionalMap(resnet.widths[stage], text_width, **adapter)
        for layer in layers:
            for role in ("query", "key"):
                layer.slots[role] = ConditionalTokens(self.image_encoder.width, text_width, **adapter)

    def encode_images(
        self, inputs: GroundingInputs, states: TextFeatures, text: TextFeatures
    ) -> dict[str, ImageFeatures]:
        """Stream -> features, scaled by the mean of the projected words."""
        sentence = replace(text, pooled=masked_mean(text.tokens, text.padding_mask))
        return self.encode_streams(self.image_encoder, inputs, language=sentence)
