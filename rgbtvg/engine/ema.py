"""Averages of weights over the steps of a run."""

from __future__ import annotations

from typing import Any

from mmengine.model import MomentumAnnealingEMA
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
