"""Low-rank adapters (LoRA, Hu et al. 2022) in named groups, each serving the streams that it is meant for.

RGBT-VGNet's asymmetric modality adaptation, one group of rank 16 for RGB and text and one of rank 48 for thermal, is
``groups=dict(rgb=dict(rank=16, streams=('rgb', 'text')), ir=dict(rank=48, streams=('ir',)))``. The streams of a batch
are an argument of the encoder's forward, ``encoder(images, mask, groups=('rgb', 'ir'))``; it passes them to its layers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.layers.linear import Groups, Linear
from rgbtvg.registry import MODELS
from rgbtvg.structures import MODALITY_STREAMS

TARGETS = {
    "self_attention": r"(^|\.)self_attn\.(q|k|v|out)_proj$",
    "all_attention": r"_attn\.(q|k|v|out)_proj$",
}
"""The projections of every self-attention; and those of the attentions in slots (HiVG's bridge) as well."""
STREAMS = (*MODALITY_STREAMS["rgbt"], "text")


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
        """(down, up) with the scale in the smaller one's place, so that the update is ``up @ down``."""
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


@MODELS.register_module()
class LoRA:
    """Adds low-rank updates to the Linears of an encoder.

    Args:
        groups: name -> ``dict(rank=..., streams=(...))`` and, where it differs, ``alpha``. Streams are ``'rgb'``,
            ``'ir'`` and ``'text'``; a stream in no group runs the plain encoder.
        alpha: updates are scaled by alpha / rank.
        dropout: on the input of the updates, in training.
        targets: which Linears of the encoder: a name from :data:`TARGETS`, or a regular expression on module names.
        untrained_groups: groups whose updates act but never get a gradient. That is what the RGBT-VGNet reference
            does to its thermal group: switching adapters there also switches off the gradient of all others, and RGB
            comes last.

    Raises:
        ConfigError: one of these makes no sense.
    """

    update = LowRank

    def __init__(
        self,
        groups: Mapping[str, Mapping[str, Any]],
        alpha: float = 16.0,
        dropout: float = 0.1,
        targets: str = "self_attention",
        untrained_groups: Sequence[str] = (),
    ) -> None:
        self.groups = {name: dict(group) for name, group in groups.items()}
        self.alpha = alpha
        self.dropout = dropout
        self.untrained_groups = tuple(untrained_groups)
        try:
            self.targets = re.compile(TARGETS.get(targets, targets))
        except re.error as error:
            raise ConfigError(f"LoRA targets {targets!r} are no regular expression: {error}") from None
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout of LoRA must be from 0 to below 1, got {dropout}")
        if not self.groups or set(self.untrained_groups) - set(self.groups):
            raise ConfigError(f"LoRA needs groups, and untrained_groups of them; got {groups} and {untrained_groups}")
        self.stream_groups: dict[str, str] = {}
        for name, group in self.groups.items():
            check_group(name, {"alpha": alpha, **group})
            for stream in group["streams"]:
                if stream in self.stream_groups:
                    raise ConfigError(
                        f"stream {stream!r} is in two LoRA groups, {self.stream_groups[stream]!r} and {name!r}"
                    )
                self.stream_groups[stream] = name

    def attach(self, encoder: nn.Module, streams: Sequence[str]) -> None:
        """Replace the targeted Linears of an encoder; only groups that serve one of `streams` are created.

        Raises:
            ConfigError: no Linear matches, or one that does not receive the groups of the batch.
        """
        wanted = {stream: group for stream, group in self.stream_groups.items() if stream in streams}
        if not wanted:
            return
        targets = {
            name: module
            for name, module in encoder.named_modules()
            if isinstance(module, nn.Linear) and self.targets.search(name)
        }
        if not targets:
            raise ConfigError(f"LoRA targets {self.targets.pattern!r} match no Linear of {type(encoder).__name__}")
        for name, base in targets.items():
            if not isinstance(base, Linear):
                raise ConfigError(
                    f"LoRA targets {self.targets.pattern!r} match {name} of {type(encoder).__name__}, which cannot be "
                    "adapted: it does not receive the streams of the batch"
                )
            parent_name, _, child = name.rpartition(".")
            updates = {group: self._update(base, group) for group in dict.fromkeys(wanted.values())}
            setattr(encoder.get_submodule(parent_name), child, AdaptedLinear(base, wanted, updates))

    def losses(self, model: nn.Module) -> dict[str, Tensor]:
        """Regularisation terms of the adapter in `model`; none for LoRA."""
        return {}

    @property
    def training_hooks(self) -> list[dict[str, Any]]:
        """Configs of the MMEngine hooks that training with this adapter needs; none for LoRA."""
        return []

    def _update(self, base: nn.Linear, group: str) -> LowRank:
        options = self.groups[group]
        alpha = options.get("alpha", self.alpha)
        update = self.update(base.in_features, base.out_features, options["rank"], alpha, self.dropout)
        update.detached = group in self.untrained_groups
        return update


def check_group(name: str, group: Mapping[str, Any]) -> None:
    """Refuse a group that could not be made, or that would serve no stream."""
    if set(group) != {"rank", "streams", "alpha"}:
        raise ConfigError(f"LoRA group {name!r} needs rank and streams (and may have alpha), got {group}")
    if not isinstance(group["rank"], int) or group["rank"] < 1:
        raise ConfigError(f"rank of LoRA group {name!r} must be a whole number from 1 on, got {group['rank']!r}")
    if not isinstance(group["alpha"], int | float) or group["alpha"] <= 0:
        raise ConfigError(f"alpha of LoRA group {name!r} must be a number above 0, got {group['alpha']!r}")
    if isinstance(group["streams"], str) or not group["streams"] or set(group["streams"]) - set(STREAMS):
        raise ConfigError(
            f"streams of LoRA group {name!r} must be a list of {', '.join(STREAMS)}, got {group['streams']!r}"
        )


def adapted_linears(module: nn.Module) -> Iterator[AdaptedLinear]:
    """Every adapted Linear inside a module."""
    return (child for child in module.modules() if isinstance(child, AdaptedLinear))


def _parts(x: Tensor, updates: Sequence[str | None]) -> Iterator[tuple[Tensor, str | None]]:
    """The equal parts of a batch, each with the name of its update."""
    return zip(x.chunk(len(updates)), updates, strict=True)
