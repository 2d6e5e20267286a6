"""From samples to the batch on its device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rgbtvg.datasets.collate import collate_grounding
from rgbtvg.datasets.statistics import PixelStatistics, Statistics, get_statistics
from rgbtvg.errors import ConfigError
from rgbtvg.registry import MODELS
from rgbtvg.structures import MODALITY_STREAMS, GroundingInputs, GroundingSample


@MODELS.register_module()
class GroundingPreprocessor(BaseDataPreprocessor):
    """Move to the device, normalise per stream, pad with zeros, stack.

    Images are pasted at the ``pad_offset`` of their sample and may differ in size; the padding is zero after
    normalising, which is the mean colour.

    Args:
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``: the streams of the batch.
        statistics: name in `rgbtvg.datasets.statistics` (a dataset's, ``'imagenet'``, ``'clip'``), or
            ``{stream: dict(mean=[...], std=[...])}`` on [0, 1].
        thermal_normalisation: name in `rgbtvg.datasets.thermal`. Where it has statistics of its own, they take the
            place of the named ones for thermal. :class:`LoadImages` does the other half and must have the same name.
        thermal_channels: copies of the thermal channel, three for every published encoder. An encoder built with
            ``in_channels=1`` takes 1.
        pad_id: token id that fills up shorter sentences of a batch.
        non_blocking: MMEngine's.
    """

    def __init__(
        self,
        modality: str = "rgbt",
        statistics: Statistics = "rgbtvg_flir",
        thermal_normalisation: str = "dataset",
        thermal_channels: int = 3,
        pad_id: int = 0,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking)
        if modality not in MODALITY_STREAMS:
            raise ConfigError(f"modality must be one of {', '.join(MODALITY_STREAMS)}, got {modality!r}")
        self.channels = {"rgb": 3, "ir": thermal_channels}
        self.streams = MODALITY_STREAMS[modality]
        self.pad_id = pad_id
        self.thermal_normalisation = thermal_normalisation
        for stream in self.streams:
            mean, std = _per_channel(get_statistics(statistics, stream, thermal_normalisation), self.channels[stream])
            # They belong to the data, not to the weights: checkpoints do not carry them.
            self.register_buffer(f"{stream}_mean", mean, persistent=False)
            self.register_buffer(f"{stream}_std", std, persistent=False)

    def forward(self, data: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """``dict(inputs=GroundingInputs, data_samples=list of GroundingSample)`` on the device.

        Args:
            data: a batch of `collate_grounding`, or of MMEngine's `pseudo_collate`. Its samples are moved in place.
            training: makes no difference here.

        Raises:
            ConfigError: a stream of the modality is missing, the samples have different input shapes, or their thermal
                was loaded with another normalisation.
        """
        if "padding_mask" not in data:
            data = collate_grounding(
                [
                    {"inputs": dict(zip(data["inputs"], images, strict=True)), "data_samples": sample}
                    for *images, sample in zip(*data["inputs"].values(), data["data_samples"], strict=True)
                ]
            )
        missing = [stream for stream in self.streams if stream not in data["inputs"]]
        if missing:
            raise ConfigError(f"the samples have no {missing[0]} images: give LoadImages the modality of the model")

        if "ir" in self.streams:
            self._check_normalisation(data["data_samples"])

        padding_mask = self.cast_data(data["padding_mask"])
        images = {stream: self._normalise(stream, data["inputs"][stream], padding_mask) for stream in self.streams}
        samples = [self._moved(sample) for sample in data["data_samples"]]
        token_ids, token_padding_mask = self._tokens(samples)
        inputs = GroundingInputs(images, padding_mask, token_ids, token_padding_mask)
        return {"inputs": inputs, "data_samples": samples}

    def _normalise(self, stream: str, batch: Tensor, padding_mask: Tensor) -> Tensor:
        """uint8 (B, C', H, W) to float32 (B, C, H, W) on the device, zero where padded."""
        mean, std = getattr(self, f"{stream}_mean"), getattr(self, f"{stream}_std")  # (C', 1, 1) or (C, 1, 1)
        batch = self.cast_data(batch).expand(-1, max(len(mean), batch.shape[1]), -1, -1)
        batch = batch.to(torch.float32, memory_format=torch.contiguous_format).div_(255).sub_(mean).div_(std)
        batch.masked_fill_(padding_mask[:, None], 0)
        return batch.expand(-1, self.channels[stream], -1, -1).contiguous()

    def _check_normalisation(self, samples: Sequence[GroundingSample]) -> None:
        for sample in samples:
            loaded = sample.get("thermal_normalisation", self.thermal_normalisation)
            if loaded != self.thermal_normalisation:
                raise ConfigError(
                    f"thermal was loaded with the normalisation {loaded!r}, but the model expects "
                    f"{self.thermal_normalisation!r}: give LoadImages(thermal_normalisation=...) the model's"
                )

    def _moved(self, sample: GroundingSample) -> GroundingSample:
        for name, value in sample.items():
            setattr(sample, name, self.cast_data(torch.as_tensor(value)))
        return sample

    def _tokens(self, samples: list[GroundingSample]) -> tuple[Tensor, Tensor]:
        """Ids and padding mask (B, L), True where padded; L is 0 where the pipeline has no tokenizer."""
        empty = torch.zeros(0, dtype=torch.int64, device=self.device)
        ids = [sample.get("token_ids", empty) for sample in samples]
        masks = [
            sample.get("token_padding_mask", torch.zeros_like(one, dtype=torch.bool))
            for sample, one in zip(samples, ids, strict=True)
        ]
        padded_ids = pad_sequence(ids, batch_first=True, padding_value=self.pad_id)
        return padded_ids, pad_sequence(masks, batch_first=True, padding_value=True)


def _per_channel(statistics: PixelStatistics, channels: int) -> tuple[Tensor, Tensor]:
    """Mean and std as (C, 1, 1), or (1, 1, 1) if one value serves all; several are averaged for a single channel."""
    pair = []
    for values in (statistics.mean, statistics.std):
        tensor = torch.tensor(values)
        if channels == 1:
            tensor = tensor.mean(0, keepdim=True)
        elif len(tensor) not in (1, channels):
            raise ConfigError(f"statistics of {len(tensor)} values do not fit {channels} channels")
        pair.append(tensor.reshape(-1, 1, 1))
    return pair[0], pair[1]
