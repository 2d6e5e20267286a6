"""Collate the samples of a batch into a few large tensors, in the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

# MMEngine's runner looks for collate functions in the root registry only.
from mmengine.registry import FUNCTIONS
from torch import Tensor

from rgbtvg.errors import ConfigError
from rgbtvg.structures import GroundingSample

JOINED = ("gt_boxes_cxcywh", "gt_masks")
"""Fields of the samples that losses read: their rows travel as one tensor."""


@FUNCTIONS.register_module()
def collate_grounding(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Paste the images of a batch at their ``pad_offset`` onto zeros, and join what the device needs.

    Every tensor costs an open file and a round trip between a worker and the trainer, and a copy to the device. With
    MMEngine's default, which hands over each image, id and box by itself, two workers with batches of 64 pass the
    usual limit of 1024 open files and the run dies. Here the batch is a few tensors, however many samples it has, and
    what stays on the host travels as NumPy arrays in the samples. The preprocessor gives the samples their rows back.

    Args:
        samples: ``dict(inputs={stream: uint8 (C, h, w)}, data_samples=GroundingSample)`` each, where
            :class:`ThermalValidity` found out with ``thermal_valid`` (h, w) bool.

    Returns:
        - ``inputs`` {stream: uint8 (B, C, H, W)} and ``padding_mask`` (B, H, W) bool, True where padded;
        - ``thermal_valid`` (B, H, W) bool, False on padding, where the samples have it;
        - ``token_ids`` (B, L) int64 and ``token_padding_mask`` (B, L) bool; L is 0 where the pipeline has no tokenizer;
        - ``rows`` {name in `JOINED`: the samples' rows, one after another} and ``counts`` {name: rows of each sample,
          None for one without the field};
        - ``data_samples``, a list, without the fields in ``rows``.

    Raises:
        ConfigError: the samples have different input shapes.
    """
    data_samples: list[GroundingSample] = [sample["data_samples"] for sample in samples]
    shapes = {tuple(sample.input_shape) for sample in data_samples}
    if len(shapes) > 1:
        raise ConfigError(f"the samples of a batch have input shapes {sorted(shapes)}: pad all to one (PadToSquare)")
    inputs, padding_mask = _pasted(samples, shapes.pop())

    batch: dict[str, Any] = dict(inputs=inputs, padding_mask=padding_mask, data_samples=data_samples)
    if "thermal_valid" in samples[0]:
        batch["thermal_valid"] = _pasted_validity(samples, padding_mask)
    for name in ("token_ids", "token_padding_mask"):
        dtype = torch.int64 if name == "token_ids" else torch.bool
        empty = torch.zeros(0, dtype=dtype)
        batch[name] = torch.stack([torch.as_tensor(sample.get(name, empty)) for sample in data_samples])
    batch["rows"], batch["counts"] = {}, {}
    for name in JOINED:
        parts = [torch.as_tensor(sample.pop(name)) if name in sample else None for sample in data_samples]
        present = [part for part in parts if part is not None]
        if present:
            batch["rows"][name] = torch.cat(present)
            batch["counts"][name] = [None if part is None else len(part) for part in parts]
    for sample in data_samples:
        for name, value in sample.items():
            if isinstance(value, torch.Tensor):
                setattr(sample, name, value.numpy())
    return batch


def _pasted(samples: Sequence[dict[str, Any]], shape: tuple[int, int]) -> tuple[dict[str, Tensor], Tensor]:
    """Images of every stream (B, C, H, W) and the padding mask (B, H, W)."""
    inputs = {
        stream: torch.zeros((len(samples), image.shape[0], *shape), dtype=torch.uint8)
        for stream, image in samples[0]["inputs"].items()
    }
    padding_mask = torch.ones((len(samples), *shape), dtype=torch.bool)
    for index, sample in enumerate(samples):
        left, top = sample["data_samples"].pad_offset
        for stream, image in sample["inputs"].items():
            height, width = image.shape[-2:]
            inputs[stream][index, :, top : top + height, left : left + width] = image
        padding_mask[index, top : top + height, left : left + width] = False
    return inputs, padding_mask


def _pasted_validity(samples: Sequence[dict[str, Any]], padding_mask: Tensor) -> Tensor:
    valid = ~padding_mask
    for index, sample in enumerate(samples):
        left, top = sample["data_samples"].pad_offset
        height, width = sample["thermal_valid"].shape
        valid[index, top : top + height, left : left + width] &= sample["thermal_valid"]
    return valid
