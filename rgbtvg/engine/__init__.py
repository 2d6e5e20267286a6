"""How runs are started, saved, resumed and trusted."""

from rgbtvg.engine import ema, hooks, loggers, loops, optim, staged, strategies
from rgbtvg.engine.config import config_from_checkpoint, load_config, parse_options
from rgbtvg.engine.runner import build_runner, test, train

__all__ = [
    "build_runner",
    "config_from_checkpoint",
    "ema",
    "hooks",
    "load_config",
    "loggers",
    "loops",
    "optim",
    "parse_options",
    "staged",
    "strategies",
    "test",
    "train",
]
