"""Pre-trained weights that training starts from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from rgbtvg.checkpoints.rules import unwrap
from rgbtvg.errors import CheckpointError
from rgbtvg.safe_load import load_file

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
"""Where a directory in Hugging Face's layout has its weights; the first one that is there counts."""


def weights_in(folder: Path) -> Path:
    """The file of weights in a directory of Hugging Face's layout, whether there is one or not."""
    files = [folder / name for name in WEIGHT_FILES]
    return next((file for file in files if file.is_file()), files[0])


def read_initial_weights(path: str | Path, what: str) -> dict[str, Tensor]:
    """State dict of a file of initial weights.

    Args:
        path: ``.pth``, ``.pt``, ``.bin`` or ``.safetensors``.
        what: what the file holds, for the message.

    Raises:
        CheckpointError: the file is missing, or is no checkpoint.
    """
    if not Path(path).is_file():
        raise CheckpointError(
            f"initial weights of {what} not found: {path}. Put the file there (pretrain_weights/README.md says where "
            "each one is published), or set pretrained=None to start from random weights."
        )
    checkpoint = load_file(path)
    state = dict(unwrap(checkpoint)) if isinstance(checkpoint, dict) else {}
    if not state:
        raise CheckpointError(f"{path} holds no weights of {what}")
    return state


def fill_module(
    module: nn.Module, state: Mapping[str, Tensor], path: str | Path, what: str, renames: Sequence[tuple[str, str]]
) -> None:
    """Load all of a module's own weights from a state dict that may hold more.

    A file whose names are the module's own (such as those in ``pretrain_weights/miniature``) is taken as it is. What a
    method has plugged into the module (``slots``) is no part of the file and keeps its own start.

    Args:
        module: what is filled.
        state: their names -> tensors.
        path, what: the file and what it should be, for the message.
        renames: regular expressions and replacements, from their names to ours; the first that matches a name decides.

    Raises:
        CheckpointError: a weight of the module is missing or has another shape.
    """
    own = {
        name: tensor
        for name, tensor in module.state_dict().items()
        if tensor.is_floating_point() and "slots." not in name
    }
    if not own.keys() <= state.keys():
        state = renamed(state, renames)
    for name, tensor in own.items():
        if name not in state or state[name].shape != tensor.shape:
            raise CheckpointError(f"{path} is not a checkpoint of {what} of this size: {name} is missing or differs")
    module.load_state_dict({name: state[name] for name in own}, strict=False)


def renamed(state: Mapping[str, Tensor], renames: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
    """The tensors whose name matches a pattern, under the replacement of the first that does."""
    found = {}
    for name, tensor in state.items():
        for pattern, replacement in renames:
            if re.search(pattern, name):
                found[re.sub(pattern, replacement, name)] = tensor
                break
    return found
