"""Losses as plain functions of tensors."""

from rgbtvg.models.losses.contrastive import contrastive_loss
from rgbtvg.models.losses.region import dice_loss, focal_loss
from rgbtvg.models.losses.set_criterion import Match, SetCriterion

__all__ = ["Match", "SetCriterion", "contrastive_loss", "dice_loss", "focal_loss"]
