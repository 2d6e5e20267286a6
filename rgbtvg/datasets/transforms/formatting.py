"""Pack transformed results into a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from torch import Tensor

from rgbtvg.datasets.transforms.geometric import current_size
from rgbtvg.registry import TRANSFORMS
from rgbtvg.structures import GroundingSample
from rgbtvg.structures.frame import normalise_boxes

META_KEYS = (
    "sample_id",
    "dataset",
    "split",
    "subsets",
    "conditions",
    "expression",
    "key_positions",
    "image_paths",
    "ori_shape",
    "input_shape",
    "pad_offset",
    "frame",
    "thermal_normalisation",
    "warnings",
)


@TRANSFORMS.register_module()
class PackGroundingInputs(BaseTransform):
    """Make the sample: ``dict(inputs={stream: uint8 (C, h, w)}, data_samples=GroundingSample)``, and ``thermal_valid``
    (h, w) bool where the results have it.

    Args:
        meta_keys: what of the results goes into the sample's meta information, as far as it is there.
    """

    def __init__(self, meta_keys: Sequence[str] = META_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        left, top = results.setdefault("pad_offset", (0, 0))
        input_shape = results.setdefault("input_shape", current_size(results))
        results["frame"] = results["frame"].shifted(left, top)

        sample = GroundingSample(metainfo={key: results[key] for key in self.meta_keys if key in results})
        for key in ("token_ids", "token_padding_mask"):
            if key in results:
                setattr(sample, key, results[key])
        if results.get("boxes") is not None:
            boxes = torch.from_numpy(results["boxes"] + np.array([left, top] * 2, dtype=np.float32))  # (N, 4) xyxy
            sample.gt_boxes_cxcywh = normalise_boxes(boxes, input_shape)
            sample.gt_boxes_xyxy = torch.from_numpy(results["gt_boxes_xyxy"])
        if results.get("encoded_masks") is not None:
            # The annotation's own masks, in the original image, for metrics.
            sample.set_metainfo({"gt_rles": results["encoded_masks"]})
        if "masks" in results:
            sample.gt_masks = _pad(results["masks"], left, top, input_shape)
        inputs = {stream: _to_tensor(image) for stream, image in results["images"].items()}
        valid = {"thermal_valid": _to_tensor(results["thermal_valid"])[0]} if "thermal_valid" in results else {}
        return {"inputs": inputs, "data_samples": sample, **valid}


def _to_tensor(image: np.ndarray) -> Tensor:
    """(H, W) or (H, W, C) to (C, H, W); copied, since decoded images are read-only."""
    channels_first = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    return torch.from_numpy(np.array(channels_first, order="C"))


def _pad(masks: np.ndarray, left: int, top: int, shape: tuple[int, int]) -> Tensor:
    padded = torch.zeros((len(masks), *shape), dtype=torch.uint8)
    padded[:, top : top + masks.shape[1], left : left + masks.shape[2]] = torch.from_numpy(np.array(masks, order="C"))
    return padded
