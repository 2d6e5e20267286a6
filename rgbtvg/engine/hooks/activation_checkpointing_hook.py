"""Memory for time: activations computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.checkpoint import checkpoint

from rgbtvg.errors import ConfigError
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class ActivationCheckpointingHook(Hook):
    """Keeps only the inputs of the named submodules and runs them a second time for their gradients.

    It stands behind the config line ``activation_checkpointing=[...]``; MMEngine's own way takes no keyword arguments.

    Args:
        modules: dotted names; of a list of layers every layer is taken by itself.

    Raises:
        ConfigError: the model has no such submodule.
    """

    def __init__(self, modules: Sequence[str] | str) -> None:
        self.modules = [modules] if isinstance(modules, str) else list(modules)

    def before_train(self, runner: Runner) -> None:
        """Wrap the forward passes."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        for name in self.modules:
            try:
                module = model.get_submodule(name)
            except AttributeError:
                known = ", ".join(child for child, _ in model.named_children())
                raise ConfigError(f"activation_checkpointing names {name!r}, but the model has {known}") from None
            for part in module if isinstance(module, nn.ModuleList) else [module]:
                part.forward = partial(checkpoint, part.forward, use_reentrant=False)
