"""Everything that is built from a config's `model`."""

from rgbtvg.models import backbones, fusion, grounders, heads, necks, preprocessor, pretraining

__all__ = ["backbones", "fusion", "grounders", "heads", "necks", "preprocessor", "pretraining"]
