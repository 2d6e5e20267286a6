"""Move a batch to its device and normalise it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from rgbtvg.datasets.collate import collate_grounding
from rgbtvg.datasets.pixel_statistics import PixelStatistics, Statistics, get_statistics
from rgbtvg.errors import ConfigError
from rgbtvg.registry import MODELS
from rgbtvg.structures import MODALITY_STREAMS, GroundingInputs, GroundingSample


@MODELS.register_module()
class GroundingPreprocessor(BaseDataPreprocessor):
    """Move to the device, normalise per stream, pad with zeros, stack. Thermal is zero too where it is not valid.

    Images are pasted at the ``pad_offset`` of their sample and may differ in size; the padding is zero after
    normalising, which is the mean colour.

    Args:
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``: the streams of the batch.
        statistics: name in `rgbtvg.datasets.pixel_statistics` (a dataset's, ``'imagenet'``, ``'clip'``), or
            ``{stream: dict(mean=[...], std=[...])}`` on [0, 1].
        thermal_normalisation: name in `rgbtvg.datasets.thermal`. Where it has statistics of its own, they take the
            place of the named ones for thermal. It must be that of :class:`LoadImages`, which makes the 8-bit image.
        thermal_channels: copies of the thermal channel, three for every published encoder. An encoder built with
            ``in_channels=1`` takes 1.
    """

    def __init__(
        self,
        modality: str = "rgbt",
        statistics: Statistics = "rgbtvg_flir",
        thermal_normalisation: str = "dataset",
        thermal_channels: int = 3,
    ) -> None:
        super().__init__(non_blocking=True)  # of use where the loader pins memory, and harmless elsewhere
        if modality not in MODALITY_STREAMS:
            raise ConfigError(f"modality must be one of {', '.join(MODALITY_STREAMS)}, got {modality!r}")
        self.channels = {"rgb": 3, "ir": thermal_channels}
        self.streams = MODALITY_STREAMS[modality]
        self.thermal_normalisation = thermal_normalisation
        for stream in self.streams:
            mean, std = _per_channel(get_statistics(statistics, stream, thermal_normalisation), self.channels[stream])
            # They belong to the data, not to the weights: checkpoints do not carry them.
            self.register_buffer(f"{stream}_mean", mean, persistent=False)
            self.register_buffer(f"{stream}_std", std, persistent=False)

    def forward(self, data: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """``dict(inputs=GroundingInputs, data_samples=list of GroundingSample)`` on the device.

        Args:
            data: a batch of `collate_grounding`, or of MMEngine's `pseudo_collate`. Its samples get their boxes and
                masks as parts of the tensors on the device; everything else in them stays on the host.
            training: makes no difference here.

        Raises:
            ConfigError: a stream of the modality is missing, the samples have different input shapes, or their thermal
                was loaded with another normalisation.
        """
        if "padding_mask" not in data:
            data = collate_grounding(
                [
                    {"inputs": dict(zip(data["inputs"], images, strict=True)), "data_samples": sample, **more}
                    for *images, sample, more in zip(
                        *data["inputs"].values(), data["data_samples"], validity(data), strict=True
                    )
                ]
            )
        missing = [stream for stream in self.streams if stream not in data["inputs"]]
        if missing:
            raise ConfigError(f"the samples have no {missing[0]} images: give LoadImages the modality of the model")

        if "ir" in self.streams:
            self._check_normalisation(data["data_samples"])

        padding_mask = self.cast_data(data["padding_mask"])
        thermal_valid = None
        if "ir" in self.streams and "thermal_valid" in data:
            thermal_valid = self.cast_data(data["thermal_valid"])
        images = self.normalised(data["inputs"], padding_mask, thermal_valid)
        tokens = self.cast_data(data["token_ids"]), self.cast_data(data["token_padding_mask"])
        for sample in data["data_samples"]:
            for name, value in sample.items():
                setattr(sample, name, torch.as_tensor(value))
        for name, rows in data["rows"].items():
            counts = data["counts"][name]
            parts = iter(self.cast_data(rows).split([count for count in counts if count is not None]))
            for sample, count in zip(data["data_samples"], counts, strict=True):
                if count is not None:
                    setattr(sample, name, next(parts))
        return {
            "inputs": GroundingInputs(images, padding_mask, *tokens, thermal_valid),
            "data_samples": data["data_samples"],
        }

    def normalised(
        self, images: Mapping[str, Tensor], padding_mask: Tensor, thermal_valid: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Stream -> float32 (B, C, H, W) on the device, zero where padded and where thermal is not valid.

        Args:
            images: stream -> uint8 (B, C', H, W).
            padding_mask: (B, H, W) bool, True where padded.
            thermal_valid: (B, H, W) bool, False on padding; None where all of thermal is valid.
        """
        hidden = {"ir": padding_mask if thermal_valid is None else ~thermal_valid}
        return {
            stream: self._normalise(stream, images[stream], hidden.get(stream, padding_mask)) for stream in self.streams
        }

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


def validity(data: Mapping[str, Any]) -> list[dict[str, Tensor]]:
    """``thermal_valid`` of each sample of MMEngine's `pseudo_collate`, where they have it."""
    if "thermal_valid" not in data:
        return [{} for _ in data["data_samples"]]
    return [{"thermal_valid": valid} for valid in data["thermal_valid"]]


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
