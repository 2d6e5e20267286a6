"""Edits of checkpoint files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mmengine.config import Config

from rgbtvg.checkpoints import MOMENTUM, surgery
from rgbtvg.checkpoints.convert import save_state, tensors_of, write_weights
from rgbtvg.checkpoints.surgery import State, rename_peft
from rgbtvg.errors import ConfigError
from rgbtvg.registry import MODELS
from rgbtvg.safe_load import load_file


def edit_file(
    source: str | Path, target: str | Path, operations: Iterable[Callable[[State], State]], config: Config | None = None
) -> int:
    """Read a checkpoint of ours, apply operations of ``surgery.py`` in order, and write the result.

    Args:
        source: checkpoint to read.
        target: file to write, ``.safetensors`` or a torch file.
        operations: each takes a state dict and returns another.
        config: config of the resulting model; a torch file carries it.

    Returns:
        Number of tensors written.
    """
    state = tensors_of(load_file(source), source)
    state = {name: tensor for name, tensor in state.items() if not name.startswith(MOMENTUM)}
    for operation in operations:
        state = operation(state)
    save_state(state, target, {"method": "ours", "cfg": config.pretty_text if config is not None else ""})
    return len(state)


def merge_lora(
    state: State, group: str | None = None, alpha: float | None = None, config: Config | None = None
) -> State:
    """:func:`rgbtvg.checkpoints.surgery.merge_lora` with the scale of the checkpoint's config.

    Args:
        state: weights.
        group: LoRA group; may be None if there is only one.
        alpha: for a checkpoint without a config.
        config: config of the checkpoint.

    Raises:
        ConfigError: `alpha` contradicts the config, or neither is given.
        CheckpointError: no such group, or several and none named.
    """
    group = surgery.lora_group(state, group, "merge")
    known = lora_alpha(config, group) if config is not None else None
    scale = known if alpha is None else alpha
    if scale is None:
        raise ConfigError("the checkpoint has no config that says how its LoRA is scaled: give --config or --alpha")
    if known is not None and scale != known:
        raise ConfigError(f"--alpha {scale:g} contradicts the checkpoint's config, whose alpha is {known:g}")
    return surgery.merge_lora(state, group, scale)


def lora_alpha(config: Config, group: str) -> float | None:
    """The `alpha` of a LoRA group in a config; None if the config has no such group."""
    adapter = config.model.get("adapter")
    if not adapter or group not in adapter.get("groups", {}):
        return None
    default = inspect.signature(MODELS.get(adapter["type"])).parameters["alpha"].default
    return float(adapter["groups"][group].get("alpha", adapter.get("alpha", default)))


def rename_peft_file(
    source: str | Path, target: str | Path, version: str, wrappers: int = 1, targets: Sequence[str] = ()
) -> int:
    """Write a reference's checkpoint with the names of another peft version; see :func:`rename_peft`."""
    state = tensors_of(load_file(source), source)
    names = rename_peft(list(state), version, wrappers, targets)
    write_weights({names[name]: tensor for name, tensor in state.items()}, target, "model")
    return len(state)
