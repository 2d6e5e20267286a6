"""AdaLoRA (Zhang et al. 2023): low-rank updates in the form of a singular value decomposition whose ranks share a
budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters.lora import LoRA
from rgbtvg.models.adapters.per_stream import LowRank
from rgbtvg.registry import MODELS

SMOOTHING = 0.85  # beta_1 = beta_2 of the paper, sections 3.2 and 4
ORTHOGONALITY_WEIGHT = 0.1
"""Weight of the regularisation that keeps the factors orthonormal."""


class AdaptiveLowRank(LowRank):
    """The update ``scale * up @ diag(values) @ down``; `values` is zero at the start and where it is pruned.

    Every backward pass refreshes the smoothed importance of each triplet: a row of `down`, a value, a column of `up`.
    """

    opened: Tensor
    kept: Tensor

    def __init__(self, in_features: int, out_features: int, rank: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__(in_features, out_features, rank, alpha, dropout)
        self.values = nn.Parameter(torch.zeros(rank))
        nn.init.normal_(self.down, std=0.02)
        nn.init.normal_(self.up, std=0.02)
        # Share of the training at which it began to learn.
        self.register_buffer("opened", torch.tensor(math.inf))
        self.register_buffer("kept", torch.ones(rank, dtype=torch.bool))
        for name in ("down", "values", "up"):
            parameter = self.get_parameter(name)
            self.register_buffer(f"{name}_sensitivity", torch.zeros_like(parameter))
            self.register_buffer(f"{name}_uncertainty", torch.zeros_like(parameter))

    def factors(self) -> tuple[Tensor, Tensor]:
        # The mask also holds for averaged weights, in which pruned values fade only slowly.
        down, up = self.down * (self.values * self.kept * self.scale)[:, None], self.up
        return (down.detach(), up.detach()) if self.detached else (down, up)

    @torch.no_grad()
    def observe(self, dropped: Tensor | None = None) -> None:
        """Take the present gradients into the smoothed importance (eq. 9 and 10).

        Args:
            dropped: () 1 where the optimizer drops this step, which the device alone knows; the importance stays.
        """
        weight = 1 - SMOOTHING if dropped is None else (1 - SMOOTHING) * (1 - dropped)
        for name in ("down", "values", "up"):
            parameter = self.get_parameter(name)
            if parameter.grad is None:
                continue
            sensitivity = self.get_buffer(f"{name}_sensitivity")
            now = (parameter * parameter.grad).abs()
            if dropped is not None:
                now = now.nan_to_num(0.0, 0.0)  # times a weight of 0
            self.get_buffer(f"{name}_uncertainty").lerp_((now - sensitivity).abs(), weight)
            sensitivity.lerp_(now, weight)

    @torch.no_grad()
    def prune(self) -> None:
        """Set the values of pruned triplets to zero; the optimizer's momentum moves them at every step."""
        self.values.mul_(self.kept)

    def importance(self) -> Tensor:
        """Importance (rank,) of the triplets (eq. 11 and 12)."""
        down, values, up = (
            self.get_buffer(f"{name}_sensitivity") * self.get_buffer(f"{name}_uncertainty")
            for name in ("down", "values", "up")
        )
        return values + down.mean(1) + up.mean(0)

    def orthogonality(self) -> Tensor:
        """Squared distance of both factors from orthonormal ones (eq. 4)."""
        eye = torch.eye(self.rank, device=self.down.device)
        return (self.up.t() @ self.up - eye).square().sum() + (self.down @ self.down.t() - eye).square().sum()


@MODELS.register_module()
class AdaLoRA(LoRA):
    """:class:`LoRA` whose groups start at their `rank` and are pruned to `target_rank` on average, by importance.

    Args:
        target_rank: rank per Linear at the end, averaged over all adapted Linears.
        warmup, cooldown: fractions of the training in which the budget stays at its start and at its end.
        interval: iterations between two prunings.
        groups, alpha, dropout, targets, untrained_groups: see :class:`LoRA`.
    """

    update = AdaptiveLowRank
    has_losses = True

    def __init__(
        self,
        groups: Mapping[str, Mapping[str, Any]],
        target_rank: int,
        alpha: float = 16.0,
        dropout: float = 0.1,
        targets: str = "self_attention",
        untrained_groups: Sequence[str] = (),
        warmup: float = 0.1,
        cooldown: float = 0.3,
        interval: int = 10,
    ) -> None:
        super().__init__(groups, alpha, dropout, targets, untrained_groups)
        lowest = min(group["rank"] for group in self.groups.values())
        if not 0 < target_rank <= lowest:
            raise ConfigError(f"target_rank of AdaLoRA must be from 1 to the groups' rank {lowest}, got {target_rank}")
        if min(warmup, cooldown) < 0 or warmup + cooldown >= 1:
            raise ConfigError(
                f"warmup and cooldown of AdaLoRA must leave time between them, got {warmup} and {cooldown}"
            )
        self.target_rank = target_rank
        self.warmup = warmup
        self.cooldown = cooldown
        self.interval = interval

    @property
    def training_hooks(self) -> list[dict[str, Any]]:
        """:class:`RankAllocationHook`, which prunes."""
        return [dict(type="RankAllocationHook", interval=self.interval)]

    def restart(self, model: nn.Module) -> None:
        """Count the budget from the start of a new training, whatever its initial checkpoint holds."""
        for update in adaptive_updates(model):
            update.opened.fill_(math.inf)
            update.kept.fill_(True)

    def start_trainable(self, model: nn.Module, progress: float) -> None:
        """Start the budget of the updates that have become trainable."""
        for update in adaptive_updates(model):
            if update.up.requires_grad and update.opened.isinf():
                update.opened.fill_(progress)

    def observe(self, model: nn.Module, dropped: Tensor | None = None) -> None:
        """Update the importance from the current gradients; call before every optimizer step.

        Args:
            model: with this adapter.
            dropped: see :meth:`AdaptiveLowRank.observe`.
        """
        for update in adaptive_updates(model):
            update.observe(dropped)

    def prune(self, model: nn.Module) -> None:
        """Keep pruned triplets at zero; call after every optimizer step."""
        for update in adaptive_updates(model):
            update.prune()

    def budget(self, start: int, end: int, progress: float) -> int:
        """Triplets to keep at a share of the training: cubic from `start` to `end` (eq. 13)."""
        moving = 1 - self.warmup - self.cooldown
        remaining = 1 - min(max((progress - self.warmup) / moving, 0.0), 1.0)
        return round(end + (start - end) * remaining**3)

    @torch.no_grad()
    def allocate(self, model: nn.Module, progress: float) -> float:
        """Choose the triplets to prune, the least important ones; returns how many are kept per adapted Linear.

        Updates that became trainable together share a budget, which falls over the rest of the training. Updates that a
        later stage unfreezes start at zero and would otherwise be pruned at once.
        """
        self.start_trainable(model, progress)
        everything = list(adaptive_updates(model))
        together: dict[float, list[AdaptiveLowRank]] = {}
        for update, opened in zip(everything, torch.stack([u.opened for u in everything]).tolist(), strict=True):
            together.setdefault(opened, []).append(update)
        for opened, updates in together.items():
            self._cut(updates, opened, progress)
        return torch.cat([update.kept for update in everything]).sum().item() / len(everything)

    def _cut(self, updates: Sequence[AdaptiveLowRank], opened: float, progress: float) -> None:
        """Keep as many triplets as the budget of these updates allows."""
        start = sum(update.rank for update in updates)
        learned = (progress - opened) / (1 - opened) if opened < 1 else 0.0
        kept = self.budget(start, min(self.target_rank * len(updates), start), learned)
        if kept < start:
            importance = torch.cat([update.importance() for update in updates])
            chosen = torch.zeros_like(importance, dtype=torch.bool)
            chosen[importance.topk(kept).indices] = True
            for update, part in zip(updates, chosen.split([update.rank for update in updates]), strict=True):
                update.kept.copy_(part)
                update.prune()

    def losses(self, model: nn.Module) -> dict[str, Tensor]:
        """``loss_orthogonality``, averaged over the trainable updates."""
        learning = [update for update in adaptive_updates(model) if update.up.requires_grad and not update.detached]
        terms = [update.orthogonality() for update in learning]
        mean = torch.stack(terms).mean() if terms else next(model.parameters()).new_zeros(())
        return {"loss_orthogonality": ORTHOGONALITY_WEIGHT * mean}


def adaptive_updates(model: nn.Module) -> list[AdaptiveLowRank]:
    """Every adaptive update inside a model."""
    return [module for module in model.modules() if isinstance(module, AdaptiveLowRank)]
