"""Checkpoints: safe loading, conversion of the authors' files, initial weights."""

from rgbtvg.checkpoints.safe_load import load_file

__all__ = ["load_file"]
