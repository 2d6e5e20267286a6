"""Images and captions together (BEiT-3, Wang et al. 2023), with the objects of the image as labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.backbones.beit3 import BEiT3
from rgbtvg.models.heads.mrefm_head import random_share, replace_words
from rgbtvg.models.layers.detr_layers import sine_grid
from rgbtvg.models.pretraining.detection import DetectionPretraining, maps_of
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, GroundingSample


@MODELS.register_module()
class PairPretraining(DetectionPretraining):
    """The patches name their objects and the caption its masked words, in one pass over image and caption.

    All words of every second caption are masked, so that its image is read without help. BEiT-3 itself predicts visual
    words of masked patches, for which a small model needs more images than there are here.

    Args:
        image_encoder: config of :class:`BEiT3`. Its image positions start with sine codes.
        vocab_size: words.
        mask_id: id of the mask word.
        ratio: share of words masked in the other captions.
        kwargs: see :class:`DetectionPretraining`.
    """

    image_encoder: BEiT3

    def __init__(self, image_encoder: dict, vocab_size: int, mask_id: int, ratio: float = 0.4, **kwargs: Any) -> None:
        super().__init__(image_encoder, **kwargs)
        self.words = nn.Linear(self.image_encoder.width, vocab_size)
        self.mask_id = mask_id
        self.ratio = ratio

    def init_weights(self) -> None:
        super().init_weights()
        table = self.image_encoder.vision_positions.data
        side = round(len(table) ** 0.5)
        code = sine_grid((side, side), table.shape[1])
        table[-len(code) :] = 0.5 * code

    def maps(self, inputs: GroundingInputs) -> list[Tensor]:
        """The patches of images that are encoded without captions."""
        return maps_of(self.image_encoder([inputs.images["rgb"]], inputs.padding_mask).images[0])

    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        masked = random_share(~inputs.token_padding_mask, self.ratio)
        masked[::2] = ~inputs.token_padding_mask[::2]
        token_ids = replace_words(inputs.token_ids, masked, self.mask_id)
        features = self.image_encoder.encode_streams(replace(inputs, token_ids=token_ids), ("rgb",))["rgb"]
        assert features.text is not None
        logits = self.words(features.text.tokens[masked])
        return {
            **self.detection_losses(maps_of(features.images[0]), data_samples),
            "loss_words": F.cross_entropy(logits, inputs.token_ids[masked]),
        }
