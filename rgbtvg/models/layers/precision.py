"""Precision of coordinates and losses under autocast."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(x: Tensor) -> Tensor:
    """Cast float16 and bfloat16 to float32; other dtypes are returned unchanged.

    Boxes, assignment and losses are computed at this precision under autocast.
    """
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def autocast_disabled(device: torch.device) -> AbstractContextManager:
    """Context without autocast; meta tensors, on which costs are counted, have none."""
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)
