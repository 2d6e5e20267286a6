"""Memory for time: activations computed again in the backward pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.checkpoint import checkpoint

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters import StreamRouting
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class ActivationCheckpointingHook(Hook):
    """Keeps only the inputs of the named submodules and runs them a second time for their gradients.

    It stands behind the config line ``activation_checkpointing=[...]``; MMEngine's own way takes no keyword arguments.

    Args:
        modules: dotted names; of a list of layers every layer is taken by itself, and ``layers[:8]`` are its first
            eight.

    Raises:
        ConfigError: the model has no such submodule.
    """

    def __init__(self, modules: Sequence[str] | str) -> None:
        self.modules = [modules] if isinstance(modules, str) else list(modules)

    def before_train(self, runner: Runner) -> None:
        """Wrap the forward passes."""
        enable_activation_checkpointing(
            runner.model.module if is_model_wrapper(runner.model) else runner.model, self.modules
        )


def enable_activation_checkpointing(model: nn.Module, names: Sequence[str]) -> None:
    """Wrap the forward passes of the submodules `names`; see :class:`ActivationCheckpointingHook`."""
    contexts = partial(_contexts, _routing_of(model))
    for name in names:
        module = _submodule(model, name)
        for part in module if isinstance(module, nn.ModuleList) else [module]:
            part.forward = partial(checkpoint, part.forward, use_reentrant=False, context_fn=contexts)


def _submodule(model: nn.Module, name: str) -> nn.Module:
    path, first, last = re.fullmatch(r"(.*?)(?:\[(-?\d*):(-?\d*)\])?", name).groups()
    try:
        module = model.get_submodule(path)
    except AttributeError:
        known = ", ".join(child for child, _ in model.named_children())
        raise ConfigError(f"activation_checkpointing names {name!r}, but the model has {known}") from None
    if first is None:
        return module
    if not isinstance(module, nn.ModuleList):
        raise ConfigError(f"activation_checkpointing names {name!r}, but {path} is no list of layers")
    return module[slice(*(int(end) if end else None for end in (first, last)))]


def _routing_of(model: nn.Module) -> StreamRouting | None:
    routings = (getattr(part, "routing", None) for part in model.modules())
    return next((routing for routing in routings if isinstance(routing, StreamRouting)), None)


def _contexts(routing: StreamRouting | None) -> tuple[AbstractContextManager, AbstractContextManager]:
    """Of the first and the second run; the second comes when no stream is named as running any more."""
    return nullcontext(), nullcontext() if routing is None else routing.use(*routing.streams)
