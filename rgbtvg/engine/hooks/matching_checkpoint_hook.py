"""A checkpoint is loaded into the model that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from rgbtvg.engine.checkpoint_config import carried_text
from rgbtvg.engine.config_text import parse_config_text
from rgbtvg.engine.references import expand_reference
from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class MatchingCheckpointHook(Hook):
    """Rejects a checkpoint of another method, for which MMEngine only warns and keeps random weights.

    A test or a resumed run needs every tensor of the model with its shape. A file that training starts from may lack
    some, such as a new head; a tensor of another shape is re-initialised only if `reinit_keys` matches its name.

    Args:
        min_share: smallest share of the model's tensors that a file must have for training to start from it.
        reinit_keys: regular expressions on names. Matching tensors of another shape are re-initialised, and matching
            low-rank updates that the model lacks are ignored.

    Raises:
        CheckpointError: naming the method in the file and that of the model, or the tensor.
    """

    priority = "VERY_HIGH"

    def __init__(self, min_share: float = 0.5, reinit_keys: str | Sequence[str] = ()) -> None:
        self.min_share = min_share
        keys = [reinit_keys] if isinstance(reinit_keys, str) else reinit_keys
        self.reinit_keys = [re.compile(key) for key in keys]

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes before anything is loaded."""
        model = unwrapped_model(runner)
        shapes = {name: own.shape for name, own in model.state_dict().items() if "num_batches_tracked" not in name}
        given = checkpoint.get("state_dict", checkpoint)
        if not isinstance(given, Mapping) or not any(isinstance(tensor, Tensor) for tensor in given.values()):
            raise CheckpointError(
                f"{runner._load_from} holds no weights that a run has written; files of a method's authors go through "
                "tools/convert_checkpoint.py first"
            )
        given = {name: tensor for name, tensor in given.items() if isinstance(tensor, Tensor)}
        self._warn_of_non_finite(runner, model, given)
        if not runner._resume:
            left_out = getattr(model, "training_only", ())
            shapes = {name: shape for name, shape in shapes.items() if not name.startswith(left_out)}
        missing = [name for name, shape in shapes.items() if name not in given or given[name].shape != shape]
        if runner._resume and not missing and "optimizer" not in checkpoint:
            raise CheckpointError(
                f"{runner._load_from} has weights but no state of the optimizer to resume from: "
                "use --load-from to start a new training from them"
            )
        training = runner._train_loop is not None and not runner._resume
        if len(missing) <= (1 - self.min_share) * len(shapes) if training else not missing:
            self._check_shapes(runner, {name: (shapes[name], given[name].shape) for name in missing if name in given})
            self._check_adapters(runner, shapes, given)
            return
        unexpected, first = len(given.keys() - shapes.keys()), missing[0]
        shape = f", {tuple(given[first].shape)} instead of {tuple(shapes[first])}" if first in given else ""
        raise CheckpointError(
            f"{runner._load_from} is a checkpoint of {_method(checkpoint) or 'an unknown method'}, but "
            f"the model is {type(model).__name__}: {len(missing)} of its {len(shapes)} tensors are missing or of "
            f"another shape (the first one: {first}{shape}), and {unexpected} in the file are unknown to it"
        )

    @staticmethod
    def _warn_of_non_finite(runner: Runner, model: nn.Module, given: Mapping[str, Tensor]) -> None:
        names = [name for name, _ in model.named_parameters() if name in given and not given[name].isfinite().all()]
        if names:
            runner.logger.warning(
                f"{len(names)} of the weights in {runner._load_from} hold NaN or infinite values (the first is "
                f"{names[0]}): its predictions will not be finite"
            )

    def _check_shapes(self, runner: Runner, differing: Mapping[str, tuple[torch.Size, torch.Size]]) -> None:
        """Reject tensors of another shape, by name -> (model's, file's), unless they are re-initialised."""
        for name, (expected, given) in differing.items():
            if not self._is_reinitialised(name):
                raise CheckpointError(
                    f"{name} is {tuple(given)} in {runner._load_from} and {tuple(expected)} in the model: another "
                    "image size, modality, neck or rank. tools/convert_checkpoint.py adapts a file (--image-size, "
                    "--two-streams, --split-lora); default_hooks.matching_checkpoint.reinit_keys=['NAME'] "
                    "re-initialises it"
                )

    def _check_adapters(self, runner: Runner, expected: Collection[str], given: Collection[str]) -> None:
        """Reject low-rank updates of Linears that have none in the model, since they would be lost."""
        adapted = {name.split(".lora.")[0] for name in expected if ".lora." in name}
        for name in given:
            linear, lora, _ = name.partition(".lora.")
            if lora and linear not in adapted and not self._is_reinitialised(name):
                raise CheckpointError(
                    f"{runner._load_from} has {name}, and the model has no LoRA there: fold it into the weights first "
                    "(tools/convert_checkpoint.py ours ... --merge-lora), or leave it out with "
                    r"default_hooks.matching_checkpoint.reinit_keys=['\.lora\.']"
                )

    def _is_reinitialised(self, name: str) -> bool:
        return any(pattern.search(name) for pattern in self.reinit_keys)


def _method(checkpoint: Mapping[str, Any]) -> str | None:
    """Class of the model in the config that a checkpoint carries, with its modality."""
    text = carried_text(checkpoint)
    try:
        values = parse_config_text(text or "", "the checkpoint")
    except ConfigError:
        return None
    model = expand_reference(values, values.get("model"))
    if not isinstance(model, dict):
        return None
    modality = expand_reference(values, model.get("modality"))
    return f"{model.get('type')} ({modality})" if modality else model.get("type")
