"""How modules inside a shared encoder learn which stream they are working on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class StreamRouting:
    """Names the streams that the batch of a running forward pass is made of.

    One object is shared by a model's adapters and plugged-in modules. Inside ``with routing.use('rgb', 'ir'):`` the
    first half of every batch is RGB and the second half thermal, so both streams pass through the shared weights at
    once and part only where they have weights of their own. It says nothing about what is trained.
    """

    def __init__(self) -> None:
        self.streams: tuple[str, ...] = ()

    @contextmanager
    def use(self, *streams: str) -> Iterator[None]:
        previous, self.streams = self.streams, streams
        try:
            yield
        finally:
            self.streams = previous


class PerStream(nn.ModuleDict):
    """Modules of the same kind, one for each stream.

    ``forward(x, *args)`` cuts x along the batch into the streams that are running and gives each part, with the same
    further arguments, to its module.
    """

    def __init__(self, modules: Mapping[str, nn.Module], routing: StreamRouting) -> None:
        super().__init__(modules)
        self.routing = routing

    def forward(self, x: Tensor, *args: object) -> Tensor:
        streams = self.routing.streams
        if len(streams) == 1:
            return self[streams[0]](x, *args)
        parts = zip(streams, x.chunk(len(streams)), strict=True)
        return torch.cat([self[stream](part, *args) for stream, part in parts])
