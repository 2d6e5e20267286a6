"""Base of the grounders around a general model: whole 8-bit images go in, its boxes go into the samples."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.logging import print_log
from mmengine.model import BaseModel
from PIL import Image
from torch import Tensor

from rgbtvg.errors import ConfigError
from rgbtvg.models.general.base import GeneralModel, Located
from rgbtvg.registry import MODELS
from rgbtvg.structures import MODALITY_STREAMS, GroundingSample

SHOWN_ANSWERS = 3
"""Samples without a prediction whose reason is logged; all of them are in the predictions file."""


class GeneralGrounder(BaseModel):
    """Asks a general model about the images of a sample.

    The model sees whole images in 8 bits, before any resizing, thermal as three equal channels.

    Args:
        general: config of the model (`rgbtvg/models/general/`).
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``.

    Raises:
        ConfigError: unknown modality.
    """

    general: GeneralModel

    def __init__(self, general: dict, modality: str) -> None:
        super().__init__()
        if modality not in MODALITY_STREAMS:
            raise ConfigError(f"modality must be one of {', '.join(MODALITY_STREAMS)}, got {modality!r}")
        self.general = MODELS.build(general)
        self.modality = modality
        self.streams = MODALITY_STREAMS[modality]
        self.num_unanswered = 0

    def identity(self) -> dict[str, str]:
        """``path`` and ``sha256`` of the weights, for the provenance of a result."""
        return self.general.identity()

    def compile_graphs(self, **kwargs: Any) -> None:
        """Refuse ``compile=True``.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"{type(self).__name__} is not compiled: leave out compile=True")

    def add_located(self, samples: Sequence[GroundingSample], found: Sequence[Located]) -> None:
        """Put answers into their samples, in pixels of the original image; the first ones without a box are logged."""
        for sample, located in zip(samples, found, strict=True):
            if located.problem is None:
                sample.pred_boxes_xyxy = sample.frame.to_image(located.boxes)
                sample.pred_scores = located.scores
                continue
            sample.set_metainfo(dict(no_prediction=located.problem))
            self.num_unanswered += 1
            if self.num_unanswered <= SHOWN_ANSWERS:
                print_log(f"{sample.sample_id}: no prediction: {located.problem}", "current", logging.WARNING)


def images_of(inputs: Mapping[str, Sequence[Tensor]], streams: Sequence[str]) -> dict[str, list[Image.Image]]:
    """uint8 (1, H, W) or (3, H, W) of every sample as RGB images, by stream; a stream that is not there is left out."""
    return {stream: [to_image(tensor) for tensor in inputs[stream]] for stream in streams if stream in inputs}


def to_image(tensor: Tensor) -> Image.Image:
    """uint8 (1, H, W) or (3, H, W) as an RGB image."""
    return Image.fromarray(tensor.expand(3, -1, -1).permute(1, 2, 0).contiguous().cpu().numpy())
