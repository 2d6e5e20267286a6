"""Heads: boxes and masks from fused features, their losses and their predictions."""

from rgbtvg.models.heads.box_head import BoxHead, single_targets

__all__ = ["BoxHead", "single_targets"]
