"""Training engine: configs, runner, loops, hooks, checkpoints."""

from rgbtvg.engine import ema, hooks, loggers, loops, optim, staged, strategies
from rgbtvg.engine.checkpoint_config import config_from_checkpoint
from rgbtvg.engine.config import load_config
from rgbtvg.engine.options import parse_options
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
