"""Everything that is built from a config's `model`."""

from rgbtvg.models import backbones, fusion, general, grounders, heads, necks, preprocessor, pretraining

__all__ = ["backbones", "fusion", "general", "grounders", "heads", "necks", "preprocessor", "pretraining"]
