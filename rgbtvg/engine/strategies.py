"""Parameters and optimizer sharded over the processes (FSDP2), with the checkpoints of any other run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmengine._strategy import DDPStrategy
from mmengine.device import get_device
from mmengine.dist import get_world_size, is_distributed, is_main_process
from mmengine.optim import BaseOptimWrapper
from mmengine.runner.checkpoint import save_checkpoint
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.utils._pytree import tree_map_only

from rgbtvg.engine.optim import schedulers_in_reach
from rgbtvg.engine.sharding import shard_like, whole
from rgbtvg.engine.submodules import find_modules
from rgbtvg.errors import ConfigError
from rgbtvg.registry import STRATEGIES


@STRATEGIES.register_module()
class FSDPStrategy(DDPStrategy):
    """Parameters, gradients and moments are sharded over the processes by PyTorch's ``fully_shard``.

    A checkpoint is one file with whole tensors, like that of any other run.

    Args:
        units: modules that are gathered one at a time, such as ``image_encoder.layers`` or ``image_encoder.layers[6:]``
            (each layer of a list for itself). Everything else is gathered for the whole step.
        **kwargs: MMEngine's.

    Raises:
        ConfigError: there is only one process, or the model has no such module.
    """

    def __init__(self, *, units: Sequence[str] = (), **kwargs: Any) -> None:
        self.units = [units] if isinstance(units, str) else list(units)
        super().__init__(**kwargs)

    def build_param_scheduler(
        self, scheduler: Any, optim_wrapper: BaseOptimWrapper, default_args: dict | None = None
    ) -> Any:
        """Build only the schedulers that start before the last epoch."""
        run = default_args or {}
        reached = schedulers_in_reach(scheduler, run.get("max_epochs"), run.get("max_iters"))
        return super().build_param_scheduler(reached, optim_wrapper, default_args)

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        if not is_distributed():
            raise ConfigError("FSDPStrategy shares a model out to several processes: start them by tools/dist_train.sh")
        device = get_device()
        model = self.convert_model(model.to(device))
        for tensor in (*model.parameters(), *model.buffers()):
            torch.distributed.broadcast(tensor.data, 0)  # the seeds of the processes may differ
        mesh = init_device_mesh(torch.device(device).type, (get_world_size(),))
        for name in self.units:
            for module in find_modules(model, name, "units of FSDPStrategy"):
                fully_shard(module, mesh=mesh)
        fully_shard(model, mesh=mesh)
        return model

    def model_state_dict(self) -> dict[str, Any]:
        """Whole tensors on the CPU."""
        return _whole(self.model.state_dict())

    def optim_state_dict(self) -> dict[str, Any]:
        """Whole tensors on the CPU."""
        return _whole(super().optim_state_dict())

    def load_model_state_dict(self, state_dict: dict[str, Any], **kwargs: Any) -> None:
        """Take this process's shards of whole tensors."""
        own = self.model.state_dict()
        shards = {name: shard_like(value, own.get(name)) for name, value in state_dict.items()}
        super().load_model_state_dict(shards, **kwargs)

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take this process's shards of whole moments, which are numbered in the order of the groups."""
        own = (p for group in self.optim_wrapper.optimizer.param_groups for p in group["params"])
        saved = (number for group in state_dict["param_groups"] for number in group["params"])
        parameters = dict(zip(saved, own, strict=True))
        state = {
            number: {name: shard_like(value, parameters[number]) for name, value in moments.items()}
            for number, moments in state_dict["state"].items()
        }
        super().load_optim_state_dict({**state_dict, "state": state})

    def save_checkpoint(
        self,
        filename: str,
        *,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        extra_ckpt: dict[str, Any] | None = None,
        callback: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        """MMEngine's entry; every process gathers the tensors, and the main process writes the file."""
        checkpoint: dict[str, Any] = {**(extra_ckpt or {}), "state_dict": self.model_state_dict()}
        if save_optimizer:
            checkpoint["optimizer"] = self.optim_state_dict()
        if save_param_scheduler and hasattr(self, "param_schedulers"):
            checkpoint["param_schedulers"] = self.scheduler_state_dict()
        checkpoint.setdefault("meta", {})["seed"] = self.seed
        if callback is not None:
            callback(checkpoint)
        if is_main_process():
            save_checkpoint(checkpoint, filename)


def _whole(state: Mapping[str, Any]) -> dict[str, Any]:
    return tree_map_only(Tensor, lambda tensor: whole(tensor).cpu(), dict(state))
