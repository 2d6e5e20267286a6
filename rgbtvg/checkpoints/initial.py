"""Pre-trained weights that training starts from."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from rgbtvg.checkpoints.rules import unwrap
from rgbtvg.checkpoints.safe_load import load_file
from rgbtvg.errors import CheckpointError


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
            f"initial weights of {what} not found: {path}. Put the file there (pretrain_weights/README.md says where each one is "
            "published), or set pretrained=None to start from random weights."
        )
    checkpoint = load_file(path)
    state = dict(unwrap(checkpoint)) if isinstance(checkpoint, dict) else {}
    if not state:
        raise CheckpointError(f"{path} holds no weights of {what}")
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}
