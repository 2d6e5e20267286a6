"""Base of the pre-training models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.model import BaseModel
from torch import Tensor

from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, GroundingSample


class Pretraining(BaseModel):
    """A model that is trained for its encoders; a subclass has their losses and the scores of its probe.

    Args:
        data_preprocessor: config of :class:`GroundingPreprocessor`.
    """

    def __init__(self, data_preprocessor: dict | None = None) -> None:
        super().__init__(None if data_preprocessor is None else MODELS.build(data_preprocessor))

    def _dump_init_info(self) -> None:
        """Keep MMEngine from logging two lines per parameter about its initial value."""

    @abstractmethod
    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        """Loss terms by name."""

    @abstractmethod
    def probe(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> Mapping[str, Tensor]:
        """Name -> scores (B,) in [0, 1] of the samples, NaN where a sample has nothing to score."""

    def forward(self, inputs: GroundingInputs, data_samples: Sequence[GroundingSample] = (), mode: str = "loss") -> Any:
        """MMEngine's entry: ``loss`` gives a dict of losses, ``predict`` the samples with their ``probe`` scores."""
        if mode == "loss":
            return self.loss(inputs, list(data_samples))
        scores = self.probe(inputs, list(data_samples))
        for row, sample in enumerate(data_samples):
            sample.set_metainfo({"probe": {name: float(values[row]) for name, values in scores.items()}})
        return data_samples
