"""From the samples of a batch to few large arrays, in the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

# MMEngine's runner looks for collate functions in the root registry only.
from mmengine.registry import FUNCTIONS

from rgbtvg.errors import ConfigError
from rgbtvg.structures import GroundingSample


@FUNCTIONS.register_module()
def collate_grounding(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Paste the images of a batch at their ``pad_offset`` onto zeros.

    Every tensor that crosses from a worker to the trainer costs an open file and a round trip. With MMEngine's default,
    which hands over each image, id and box by itself, two workers with batches of 64 pass the usual limit of 1024
    open files and the run dies. Here the batch is one tensor per stream and one for the padding, and the fields of the
    samples travel as NumPy arrays. The preprocessor turns them back.

    Args:
        samples: ``dict(inputs={stream: uint8 (C, h, w)}, data_samples=GroundingSample)`` each.

    Returns:
        ``inputs`` {stream: uint8 (B, C, H, W)}, ``padding_mask`` (B, H, W) bool, True where padded, and
        ``data_samples``, a list.

    Raises:
        ConfigError: the samples have different input shapes.
    """
    data_samples: list[GroundingSample] = [sample["data_samples"] for sample in samples]
    shapes = {tuple(sample.input_shape) for sample in data_samples}
    if len(shapes) > 1:
        raise ConfigError(f"the samples of a batch have input shapes {sorted(shapes)}: pad all to one (PadToSquare)")
    shape = shapes.pop()

    inputs = {
        stream: torch.zeros((len(samples), image.shape[0], *shape), dtype=torch.uint8)
        for stream, image in samples[0]["inputs"].items()
    }
    padding_mask = torch.ones((len(samples), *shape), dtype=torch.bool)
    for index, sample in enumerate(samples):
        left, top = data_samples[index].pad_offset
        for stream, image in sample["inputs"].items():
            height, width = image.shape[-2:]
            inputs[stream][index, :, top : top + height, left : left + width] = image
        padding_mask[index, top : top + height, left : left + width] = False

    for sample in data_samples:
        for name, value in sample.items():
            if isinstance(value, torch.Tensor):
                setattr(sample, name, value.numpy())
    return {"inputs": inputs, "padding_mask": padding_mask, "data_samples": data_samples}
