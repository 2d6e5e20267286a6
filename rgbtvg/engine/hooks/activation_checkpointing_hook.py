"""Activation checkpointing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.checkpoint import checkpoint

from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.errors import ConfigError
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
        module = _submodule(model, name)
        for part in module if isinstance(module, nn.ModuleList) else [module]:
            part.forward = partial(checkpoint, part.forward, use_reentrant=False)


def _submodule(model: nn.Module, name: str) -> nn.Module:
    matched = re.fullmatch(r"(.*?)(?:\[(-?\d*):(-?\d*)\])?", name)
    assert matched is not None  # the pattern takes every string
    path, first, last = matched.groups()
    module = model
    for index, part in enumerate(path.split(".")):
        children = dict(module.named_children())
        if part not in children:
            owner = ".".join(path.split(".")[:index]) or "the model"
            known = ", ".join(children) or "no submodules"
            raise ConfigError(f"activation_checkpointing names {name!r}, but {owner} has {known} and no {part!r}")
        module = children[part]
    if first is None:
        return module
    if not isinstance(module, nn.ModuleList):
        raise ConfigError(f"activation_checkpointing names {name!r}, but {path} is no list of layers")
    return module[slice(*(int(end) if end else None for end in (first, last)))]
