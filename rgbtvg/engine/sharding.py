"""Whole tensors and their shards on the processes (DTensor)."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def whole(tensor: Tensor) -> Tensor:
    """Gather a sharded tensor on all processes; any other tensor is returned as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(value: Any, target: Tensor | None) -> Any:
    """This process's shard of a whole tensor if `target` is sharded and has its shape; else the value as it is."""
    if isinstance(value, Tensor) and isinstance(target, DTensor) and value.shape == target.shape:
        return distribute_tensor(
            value.to(target.device).contiguous(), target.device_mesh, target.placements, src_data_rank=None
        )
    return value
