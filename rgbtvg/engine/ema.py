"""Averages of weights over the steps of a run."""

from __future__ import annotations

from typing import Any

from mmengine.model import BaseAveragedModel, MomentumAnnealingEMA
from mmengine.runner import Runner
from torch import nn

from rgbtvg.registry import MODELS


@MODELS.register_module()
class WarmUpEMA(MomentumAnnealingEMA):
    """Exponential average whose memory grows: after step t it keeps ``min(decay, (t + 1) / (t + 10))`` (SimVG).

    For MMEngine's ``EMAHook(ema_type='WarmUpEMA', ...)``.

    Args:
        model: the model.
        momentum: 1 - decay.
        kwargs: MMEngine's.
    """

    def __init__(self, model: nn.Module, momentum: float = 0.001, **kwargs: Any) -> None:
        super().__init__(model, momentum, gamma=9, **kwargs)
        # MMEngine's first update copies the model; this average starts from the weights before the first step.
        self.steps.fill_(1)


def averaged_models(runner: Runner) -> list[BaseAveragedModel]:
    """Averaged copies of a run's model (``EMAHook``)."""
    return [hook.ema_model for hook in runner.hooks if hasattr(hook, "ema_model")]


def resize_average(averaged: BaseAveragedModel, image_size: int) -> None:
    """Set the image size of an averaged model, which lists its parameters once and for all."""
    averaged.module.set_image_size(image_size)
    averaged.module.requires_grad_(False)
    averaged.avg_parameters = (
        averaged.module.state_dict() if averaged.update_buffers else dict(averaged.module.named_parameters())
    )
