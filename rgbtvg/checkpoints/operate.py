"""Surgery on checkpoint files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rgbtvg.checkpoints.convert import save_state, tensors_of, write_weights
from rgbtvg.checkpoints.converters import get_converter
from rgbtvg.checkpoints.safe_load import load_file
from rgbtvg.checkpoints.surgery import State, rename_peft
from rgbtvg.errors import CheckpointError

OURS = "ours"


def operate_file(
    method: str, source: str | Path, target: str | Path, operations: Sequence[Callable[[State], State]]
) -> int:
    """Read a file, convert it if it is a reference's, apply operations of ``surgery.py`` in order, and write ours.

    Args:
        method: name of a converter, or ``'ours'``.
        source, target: files; a target of ``.safetensors`` is written as such.
        operations: each from a state dict to a state dict.

    Returns:
        How many tensors were written.
    """
    state = tensors_of(load_file(source), source)
    if method != OURS:
        converted = get_converter(method).to_ours(state)
        if converted.unknown:
            raise CheckpointError(f"{source} is no checkpoint of {method}: its {converted.unknown[0]} is unknown")
        state = converted.state
    for operation in operations:
        state = operation(state)
    save_state(state, target, {"method": method, "cfg": ""})
    return len(state)


def rename_peft_file(
    source: str | Path, target: str | Path, version: str, wrappers: int = 1, targets: Sequence[str] = ()
) -> int:
    """Write a reference's checkpoint with the names of another peft version; see :func:`rename_peft`."""
    state = tensors_of(load_file(source), source)
    names = rename_peft(list(state), version, wrappers, targets)
    write_weights({names[name]: tensor for name, tensor in state.items()}, target, "model")
    return len(state)
