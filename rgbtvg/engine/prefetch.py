"""Batches that are on the device before the step that needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only


def prefetched(batches: Iterable[dict[str, Any]], device: torch.device) -> Iterable[dict[str, Any]]:
    """Iterate over batches; on a GPU the next one is copied on a stream of its own while the current one is in use.

    Only the batch's own tensors are copied; what lies in its samples stays on the host.
    """
    if device.type != "cuda":
        return batches
    stream = torch.cuda.Stream(device)

    def copy(batch: dict[str, Any]) -> tuple[dict[str, Any], torch.cuda.Event]:
        with torch.cuda.stream(stream):
            copied = tree_map_only(Tensor, lambda tensor: tensor.to(device, non_blocking=True), batch)
            return copied, stream.record_event()

    def receive(copied: tuple[dict[str, Any], torch.cuda.Event]) -> dict[str, Any]:
        batch, event = copied
        current = torch.cuda.current_stream(device)
        current.wait_event(event)
        for leaf in tree_leaves(batch):
            if isinstance(leaf, Tensor) and leaf.is_cuda:
                leaf.record_stream(current)  # its memory is not reused before the step has read it
        return batch

    return one_ahead(batches, copy, receive)


def one_ahead(items: Iterable[Any], start: Callable[[Any], Any], finish: Callable[[Any], Any]) -> Iterator[Any]:
    """``finish(start(item))`` of every item; the next one is started before the current one is handed out."""
    waiting: list[Any] = []
    for item in items:
        waiting.append(start(item))
        if len(waiting) > 1:
            yield finish(waiting.pop(0))
    if waiting:
        yield finish(waiting.pop())
