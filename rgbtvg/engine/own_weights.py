"""Models that bring their own weights, such as `ZeroShotGrounder`: no checkpoint is loaded into them."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.registry import MODELS


def reads_own_weights(config: Config) -> bool:
    """True if the config's model reads its weights when it is built."""
    built = config.model["type"]
    return getattr(MODELS.get(built) if isinstance(built, str) else built, "reads_own_weights", False)


def check_weights(config: Config, load_from: str | Path | None) -> None:
    """Check that there is a checkpoint exactly where the model needs one.

    Raises:
        ConfigError: it is missing, or the model takes none.
        CheckpointError: there is no such file.
    """
    name = config.model["type"]
    if reads_own_weights(config):
        if load_from is not None:
            raise ConfigError(f"{name} reads the weights that its config names; leave out the checkpoint {load_from}")
    elif load_from is None:
        raise ConfigError(f"{name} needs trained weights: name their checkpoint (--load-from CHECKPOINT)")
    elif not Path(load_from).is_file():
        raise CheckpointError(f"no such checkpoint: {load_from}")
