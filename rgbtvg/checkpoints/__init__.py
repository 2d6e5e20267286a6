"""Checkpoints: safe loading, conversion of the authors' files, initial weights."""

from rgbtvg.checkpoints.mmengine_loader import load_file

MOMENTUM = "attention_balance.momentum."
"""Prefix of AttBalance's momentum copy in a state dict; only training needs it."""

__all__ = ["MOMENTUM", "load_file"]
