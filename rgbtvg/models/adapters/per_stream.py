"""Layers with weights of their own for each stream of a batch: low-rank updates of Linears, and whole modules.

The streams of a batch are an argument of the encoder's forward, ``encoder(images, mask, groups=('rgb', 'ir'))``; it
passes them to its layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.layers.clip_layers import Groups, Linear


class PerStream(nn.ModuleDict):
    """Modules of the same kind, one per stream."""

    def forward(self, x: Tensor, *args: object, groups: Groups, **split: Tensor) -> Tensor:
        """Split x (S*B, ...) into the streams `groups` and apply each stream's module to its part.

        `args` are passed to every module unchanged, tensors in `split` like x in parts.
        """
        count = len(groups)
        outputs = []
        for place, (stream, part) in enumerate(zip(groups, x.chunk(count), strict=True)):
            more = {name: tensor.chunk(count)[place] for name, tensor in split.items()}
            outputs.append(self[stream](part, *args, groups=(stream,), **more))
        return torch.cat(outputs)


class LowRank(nn.Module):
    """The update ``scale * up @ down`` of a Linear, zero at the start.

    Args:
        in_features, out_features: of the Linear.
        rank: rows of `down` (rank, in) and columns of `up` (out, rank).
        alpha: the update is scaled by alpha / rank.
        dropout: on the input of the update, in training.
    """

    def __init__(self, in_features: int, out_features: int, rank: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.rank = rank
        self.scale = alpha / rank
        self.dropout = dropout
        # Whether the update learns; see `LoRA.untrained_groups`.
        self.detached = False
        self.down = nn.Parameter(torch.empty(rank, in_features))
        self.up = nn.Parameter(torch.zeros(out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def factors(self) -> tuple[Tensor, Tensor]:
        """(down * scale, up): the update is their product ``up @ down``."""
        down, up = self.down * self.scale, self.up
        return (down.detach(), up.detach()) if self.detached else (down, up)

    def weight(self) -> Tensor:
        """The update (out, in)."""
        down, up = self.factors()
        return up @ down

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (..., in) -> its rows times `down` (N, rank), and `up`; the update is ``rows @ up.T``.

        The product is left to the Linear, so FSDP must not make a unit of this module alone.
        """
        down, up = self.factors()
        return F.linear(F.dropout(x, self.dropout, self.training), down).flatten(0, -2), up


class AdaptedLinear(Linear):
    """A Linear with low-rank updates, which takes over the parameters of the Linear that it replaces.

    Args:
        base: the Linear.
        stream_groups: stream -> name of its update; other streams use the plain Linear.
        updates: name -> update.
    """

    def __init__(self, base: Linear, stream_groups: Mapping[str, str], updates: Mapping[str, LowRank]) -> None:
        super().__init__(base.in_features, base.out_features, base.bias is not None, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.stream_groups = dict(stream_groups)
        self.lora = nn.ModuleDict(updates)
        self.merged = False

    def forward(self, x: Tensor, groups: Groups = ()) -> Tensor:
        """Apply to each of the equal parts of x (B, ..., in) the weight and the update of its stream.

        Args:
            x: (B, ..., in).
            groups: streams of the parts, in order.

        Raises:
            ConfigError: no groups were given.
        """
        if not groups:
            raise ConfigError(
                "this encoder has low-rank adapters, but its forward was called without groups: pass the streams of "
                "the batch, such as groups=('rgb', 'ir')"
            )
        updates = [self.stream_groups.get(stream) for stream in groups]
        if len(set(updates)) == 1:
            updates = updates[:1]
        if self.merged:
            return self._apply_merged(x, updates)
        base = F.linear(x, self.weight, self.bias)
        return self._add_updates(base, x, updates) if any(updates) else base

    def _add_updates(self, base: Tensor, x: Tensor, updates: Sequence[str | None]) -> Tensor:
        """Add to each part of base (..., out) its update of x (..., in).

        A single product covers all parts: the rows of a part are zero at the columns of the other updates.
        """
        rows, ups = zip(*(self._update(part, name) for part, name in _parts(x, updates)), strict=True)
        if len(updates) == 1:
            together = torch.addmm(base.flatten(0, -2), rows[0], ups[0].t())
        else:
            ranks = [up.shape[1] for up in ups]
            padded = [F.pad(row, (sum(ranks[:i]), sum(ranks[i + 1 :]))) for i, row in enumerate(rows)]
            together = torch.addmm(base.flatten(0, -2), torch.cat(padded), torch.cat(ups, dim=1).t())
        return together.view(base.shape)

    def _update(self, x: Tensor, name: str | None) -> tuple[Tensor, Tensor]:
        """Same as :meth:`LowRank.forward`; rank 0 without an update."""
        if name is None:
            return x.new_zeros(x.shape[:-1].numel(), 0), x.new_zeros(self.out_features, 0)
        return self.lora[name](x)

    def _apply_merged(self, x: Tensor, updates: Sequence[str | None]) -> Tensor:
        parts = [F.linear(part, self._merged_weight(name), self.bias) for part, name in _parts(x, updates)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _merged_weight(self, name: str | None) -> Tensor:
        return self.weight if name is None else self.get_buffer(f"merged_{name}")

    @torch.no_grad()
    def merge(self) -> None:
        """Precompute one merged weight per update; the plain weight and the updates are kept for :meth:`unmerge`."""
        for name, update in self.lora.items():
            self.register_buffer(f"merged_{name}", self.weight + cast(LowRank, update).weight(), persistent=False)
        self.merged = True

    def unmerge(self) -> None:
        """Undo :meth:`merge`, exactly."""
        if self.merged:
            for name in self.lora:
                delattr(self, f"merged_{name}")
        self.merged = False

    def train(self, mode: bool = True) -> AdaptedLinear:
        """Unmerge for training."""
        if mode:
            self.unmerge()
        return super().train(mode)

    def _load_from_state_dict(self, *args: Any) -> None:
        self.unmerge()
        super()._load_from_state_dict(*args)


def adapted_linears(module: nn.Module) -> Iterator[AdaptedLinear]:
    """Every adapted Linear inside a module."""
    return (child for child in module.modules() if isinstance(child, AdaptedLinear))


def _parts(x: Tensor, updates: Sequence[str | None]) -> Iterator[tuple[Tensor, str | None]]:
    """The equal parts of a batch, each with the name of its update."""
    return zip(x.chunk(len(updates)), updates, strict=True)
