"""ReSC: improving one-stage visual grounding by recursive sub-query construction (Yang et al., ECCV 2020)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.grounders.base import TwoEncoderGrounder
from rgbtvg.models.layers.convolution import conv_bn_relu
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, TextFeatures


@MODELS.register_module()
class ReSC(TwoEncoderGrounder):
    """One map of YOLOv3, modulated in rounds by sub-queries, and one softmax over all anchors of all cells.

    In rgbt both streams pass through the same Darknet one after the other (so that batch norm sees one stream at a
    time), and their maps stand side by side in the channels. The reference knows RGB only.

    Args:
        fusion: config of :class:`SubQueryFusion`, without `width`.
        head: config of :class:`AnchorHead` with one level, without `in_channels`.
        width: channels of map and words.
        dropout: on the words, in training.
        bn_momentum: of the projection's batch norm, see :class:`DenseFusion`.
        kwargs: see :class:`TwoEncoderGrounder`; encoders :class:`Darknet53` with one stride and :class:`BertEncoder`.
    """

    default_neck = "ConcatChannels"

    def __init__(
        self,
        fusion: dict,
        head: dict,
        width: int = 512,
        dropout: float = 0.1,
        bn_momentum: float = 0.1,
        **kwargs: Any,
    ) -> None:
        rounds = MODELS.build(dict(fusion, width=width))
        super().__init__(head=dict(head, in_channels=rounds.out_width), **kwargs)
        channels = self.neck.width(self.image_encoder.width, len(self.streams))
        self.image_proj = conv_bn_relu(channels, width, 1, bn_momentum)
        self.text_proj = nn.Sequential(
            nn.Linear(self.text_encoder.width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
        )
        self.fusion = rounds

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """The rounds, the head's map and the box of the most confident anchor."""
        streams = {name: self.image_encoder(inputs.images[name], inputs.padding_mask) for name in self.streams}
        image = self.neck(streams, inputs)
        projected = F.normalize(self.image_proj(image.levels[-1]))  # (B, D, h, w)
        text = self.encode_words(inputs)  # (B, L, D)
        rounds = self.fusion(projected, text.tokens, text.padding_mask)
        maps = self.head([rounds.fused])
        return {
            "streams": streams,
            "projected": projected,
            "text": text,
            "rounds": rounds,
            "word_weights": rounds.weights,
            "maps": maps,
            **self.head.answers(maps),
        }

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Confidence of the cells."""
        return self.head.confidence_maps(outputs["maps"])

    def encode_words(self, inputs: GroundingInputs) -> TextFeatures:
        """(B, L, D), of length one at tokens and zero at padding."""
        text: TextFeatures = self.text_encoder(inputs.token_ids, inputs.token_padding_mask)
        words = F.normalize(self.text_proj(text.tokens), dim=-1)
        return replace(text, tokens=words * ~text.padding_mask[..., None])
