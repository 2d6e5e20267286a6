"""How runs are started, saved, resumed and trusted."""

from rgbtvg.engine.config import config_from_checkpoint, load_config

__all__ = ["config_from_checkpoint", "load_config"]
