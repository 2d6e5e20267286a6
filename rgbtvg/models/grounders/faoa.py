"""FAOA: a fast and accurate one-stage approach to visual grounding (Yang et al., ICCV 2019)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.grounders.base import TwoEncoderGrounder
from rgbtvg.models.layers.convolution import conv_bn_relu
from rgbtvg.models.layers.padding import masked_mean
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, TextFeatures


@MODELS.register_module()
class FAOA(TwoEncoderGrounder):
    """YOLOv3's maps, each cell with the sentence beside it, and one softmax over all anchors of all cells.

    In rgbt both streams pass through the same Darknet one after the other (so that batch norm sees one stream at a
    time), and their maps stand side by side in the channels. The reference knows RGB only.

    Args:
        fusion: config of :class:`DenseFusion`, without `width` and `num_levels`.
        head: config of :class:`AnchorHead`, without `in_channels`.
        width: channels of maps and sentence vector.
        dropout: on the sentence vector, in training.
        bn_momentum: of the projections' batch norms, see :class:`DenseFusion`.
        sentence: what stands for the sentence, the encoder's vector (``'pooled'``), as published, or the ``'mean'`` of
            the words.
        kwargs: see :class:`TwoEncoderGrounder`; the image encoder is :class:`Darknet53`, the text encoder
            :class:`BertEncoder`, whose vector is the first token ([CLS]), or :class:`LSTMEncoder`.
    """

    default_neck = "ConcatChannels"

    def __init__(
        self,
        fusion: dict,
        head: dict,
        width: int = 512,
        dropout: float = 0.1,
        bn_momentum: float = 0.1,
        sentence: str = "pooled",
        **kwargs: Any,
    ) -> None:
        if sentence not in ("pooled", "mean"):
            raise ConfigError(f"sentence must be pooled or mean, got {sentence!r}")
        super().__init__(head=dict(head, in_channels=width), **kwargs)
        self.sentence = sentence
        widths = [self.neck.width(channels, len(self.streams)) for channels in self.image_encoder.level_widths]
        self.image_proj = nn.ModuleList(conv_bn_relu(channels, width, 1, bn_momentum) for channels in widths)
        self.text_proj = nn.Sequential(
            nn.Linear(self.text_encoder.width, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.fusion = MODELS.build(dict(fusion, width=width, num_levels=len(widths)))

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """The head's maps and the box of the most confident anchor."""
        streams = {name: self.image_encoder(inputs.images[name], inputs.padding_mask) for name in self.streams}
        image = self.neck(streams, inputs)  # levels (B, S*C, h, w), coarse to fine
        projected = [F.normalize(proj(x)) for proj, x in zip(self.image_proj, image.levels, strict=True)]
        sentence = self.encode_sentence(inputs)  # (B, D)
        fused = self.fusion(projected, sentence)  # (B, D, h, w) each
        maps = self.head(fused)
        return {
            "streams": streams,
            "projected": projected,
            "sentence": sentence,
            "fused": fused,
            "maps": maps,
            **self.head.answers(maps),
        }

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Confidence of the cells."""
        return self.head.confidence_maps(outputs["maps"])

    def encode_sentence(self, inputs: GroundingInputs) -> Tensor:
        """(B, D), of length one."""
        text: TextFeatures = self.text_encoder(inputs.token_ids, inputs.token_padding_mask)
        if self.sentence == "mean":
            vector = masked_mean(text.tokens, text.padding_mask)
        else:
            vector = text.tokens[:, 0] if text.pooled is None else text.pooled
        return F.normalize(self.text_proj(vector))
