"""Low-rank adapters (LoRA, Hu et al. 2022) in named groups, each serving the streams that it is meant for.

RGBT-VGNet's asymmetric modality adaptation, one group of rank 16 for RGB and text and one of rank 48 for thermal, is
``groups=dict(rgb=dict(rank=16, streams=('rgb', 'text')), ir=dict(rank=48, streams=('ir',)))``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters.per_stream import AdaptedLinear, LowRank
from rgbtvg.models.layers.clip_layers import Linear
from rgbtvg.registry import MODELS
from rgbtvg.structures import MODALITY_STREAMS

TARGETS = {
    "self_attention": r"(^|\.)self_attn\.(q|k|v|out)_proj$",
    "all_attention": r"_attn\.(q|k|v|out)_proj$",
}
"""The projections of every self-attention; and those of the attentions in slots (HiVG's bridge) as well."""
STREAMS = (*MODALITY_STREAMS["rgbt"], "text")


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
    has_losses = False
    """Whether :meth:`losses` has terms."""

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
        """Regularisation terms of the adapter in `model`, where it `has_losses`."""
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
