"""A bound on what building a model may allocate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from rgbtvg.errors import CheckpointError

SMALLEST = 1000
"""Elements that every new tensor counts as, so that the number of tensors is bounded too."""


class _Limit(TorchDispatchMode):
    """Compute every result's shape on the meta device before memory is allocated for it."""

    def __init__(self, elements: int) -> None:
        super().__init__()
        self.elements = self.left = elements

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not func._schema.is_mutable and not func.is_view:
            size = self._size(func, args, kwargs)
            self.left -= max(size, SMALLEST)
            if self.left < 0:
                raise CheckpointError(
                    "the config describes a model that needs far more memory than the checkpoint's weights: "
                    "give a config file that you trust instead"
                )
        return func(*args, **kwargs)

    @staticmethod
    def _size(func: Any, args: Any, kwargs: Any) -> int:
        def to_meta(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")
            return torch.device("meta") if isinstance(value, torch.device) else value

        try:
            on_meta = tree_map(to_meta, kwargs)
            if "device" in {argument.name for argument in func._schema.arguments}:
                on_meta["device"] = torch.device("meta")
            result = func(*tree_map(to_meta, args), **on_meta)
        except (NotImplementedError, RuntimeError):
            return 0  # no shape without values, such as of torch.nonzero: no larger than what it reads
        results = result if isinstance(result, (tuple, list)) else [result]
        return sum(value.numel() for value in results if isinstance(value, torch.Tensor))


@contextmanager
def limited_allocation(elements: int) -> Iterator[None]:
    """Raise before the tensors created inside have more than `elements` elements together.

    Raises:
        CheckpointError: they would.
    """
    with _Limit(elements):
        yield
