"""Choose the device that a model runs on."""

from __future__ import annotations

import torch

from rgbtvg.errors import ConfigError


def find_device(device: str | torch.device | None = None) -> torch.device:
    """The device of this name; by default a GPU if there is one.

    Raises:
        ConfigError: this machine has no such device.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError, NotImplementedError):
        gpus = torch.cuda.device_count()
        raise ConfigError(
            f"there is no device {str(device)!r} here (PyTorch finds {gpus or 'no'} GPU{'s' * (gpus > 1)}): "
            "use cpu, cuda or cuda:N"
        ) from None
