"""Parameters and optimizer shared out to the processes (FSDP), with the checkpoints of any other run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from mmengine._strategy.fsdp import FSDPStrategy as PlainFSDPStrategy
from mmengine.dist import is_distributed
from mmengine.optim import BaseOptimWrapper
from torch import Tensor, nn
from torch.distributed.fsdp import FullOptimStateDictConfig, FullyShardedDataParallel

from rgbtvg.engine.optim import schedulers_in_reach
from rgbtvg.errors import ConfigError
from rgbtvg.registry import STRATEGIES


@STRATEGIES.register_module()
class FSDPStrategy(PlainFSDPStrategy):
    """MMEngine's strategy, whose checkpoints are one whole file here, and which also runs on CPU processes.

    Args:
        model_wrapper: arguments of `MMFullyShardedDataParallel`, such as ``auto_wrap_policy`` and ``mixed_precision``.
        state_dict_cfg: only ``'full'``; folders with a file per process could be neither checked nor read elsewhere.
        **kwargs: MMEngine's.

    Raises:
        ConfigError: another `state_dict_cfg`, or one process only.
    """

    def __init__(
        self, *, model_wrapper: Mapping[str, Any] | None = None, state_dict_cfg: str = "full", **kwargs: Any
    ) -> None:
        if state_dict_cfg != "full":
            raise ConfigError(
                f"state_dict_cfg of FSDPStrategy must be 'full' (one file per checkpoint), got {state_dict_cfg!r}"
            )
        wrapper = dict(model_wrapper or {})
        if not torch.cuda.is_available():
            wrapper.setdefault("device_id", torch.device("cpu"))  # MMEngine takes a GPU for granted
        self.shapes: dict[str, torch.Size] = {}
        super().__init__(model_wrapper=wrapper, state_dict_cfg="full", **kwargs)
        if not torch.cuda.is_available():
            # PyTorch gathers all moments into one buffer and relies on the copy to the CPU to keep them apart.
            self.optim_state_dict_config = FullOptimStateDictConfig(rank0_only=True, offload_to_cpu=False)

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Remember the shapes of the whole tensors; afterwards every process has shares of them only."""
        built: nn.Module = super().build_model(model)
        self.shapes = {name: tensor.shape for name, tensor in built.state_dict().items()}
        return built

    def build_optim_wrapper(self, optim_wrapper: Any, model: nn.Module | None = None) -> BaseOptimWrapper:
        """MMEngine's entry; gradients are clipped by the norm over all processes, where MMEngine takes each one's."""
        if isinstance(optim_wrapper, dict) and optim_wrapper.get("type") == "GuardedAmpOptimWrapper":
            optim_wrapper.setdefault("use_fsdp", True)
        built = super().build_optim_wrapper(optim_wrapper, model)
        if (
            isinstance(model, FullyShardedDataParallel)
            and getattr(built, "clip_func", None) is torch.nn.utils.clip_grad_norm_
        ):
            built.clip_func = partial(_clip_shared_out, model)
        return built

    def build_param_scheduler(
        self, scheduler: Any, optim_wrapper: BaseOptimWrapper, default_args: dict | None = None
    ) -> Any:
        """Build only the schedulers that start before the last epoch."""
        run = default_args or {}
        reached = schedulers_in_reach(scheduler, run.get("max_epochs"), run.get("max_iters"))
        return super().build_param_scheduler(reached, optim_wrapper, default_args)

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Take this process's share of an optimizer's state, that of a run without FSDP too.

        MMEngine gives its arguments in the order of older PyTorch versions.
        """
        optimizer = self.optim_wrapper.optimizer
        names = {id(p): name.replace("_fsdp_wrapped_module.", "") for name, p in self.model.named_parameters()}
        order = [names[id(p)] for group in optimizer.param_groups for p in group["params"]]
        shares = FullyShardedDataParallel.optim_state_dict_to_load(
            model=self.model, optim=optimizer, optim_state_dict=named_state(state_dict, order)
        )
        self.optim_wrapper.load_state_dict(shares)

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        if not is_distributed():
            raise ConfigError("FSDPStrategy shares a model out to several processes: start them by tools/dist_train.sh")
        return super()._wrap_model(model)


def _clip_shared_out(
    model: FullyShardedDataParallel, parameters: Sequence[Tensor], max_norm: float, norm_type: float = 2.0
) -> Tensor:
    """In the place of ``torch.nn.utils.clip_grad_norm_``, which knows the gradients of this process only."""
    return model.clip_grad_norm_(max_norm, norm_type)


def named_state(state_dict: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """An optimizer's state by parameter names, where a run without FSDP has numbered them.

    Args:
        state_dict: with numbers or with names.
        order: names of the parameters by number.
    """

    def name(key: int | str) -> str:
        return order[key] if isinstance(key, int) else key

    return dict(
        state_dict,
        state={name(key): value for key, value in state_dict["state"].items()},
        param_groups=[
            dict(group, params=[name(key) for key in group["params"]]) for group in state_dict["param_groups"]
        ],
    )
