"""Activation checkpointing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.checkpoint import checkpoint

from rgbtvg.engine.submodules import find_modules
from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class ActivationCheckpointingHook(Hook):
    """Recompute the activations of submodules in the backward pass instead of storing them.

    Added by the config option ``activation_checkpointing=[...]``.

    Args:
        modules: dotted names. Each layer of a ``ModuleList`` is checkpointed separately; ``layers[:8]`` selects the
            first eight.

    Raises:
        ConfigError: the model has no such submodule.
    """

    def __init__(self, modules: Sequence[str] | str) -> None:
        self.modules = [modules] if isinstance(modules, str) else list(modules)

    def before_train(self, runner: Runner) -> None:
        """Wrap the forward passes."""
        enable_activation_checkpointing(unwrapped_model(runner), self.modules)


def enable_activation_checkpointing(model: nn.Module, names: Sequence[str]) -> None:
    """Wrap the forward of the submodules `names` with ``torch.utils.checkpoint``."""
    for name in names:
        for part in find_modules(model, name, "activation_checkpointing"):
            part.forward = partial(checkpoint, part.forward, use_reentrant=False)
