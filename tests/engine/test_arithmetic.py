"""Mixed precision stays close to float32."""

from __future__ import annotations

import pytest
import torch

from rgbtvg.engine import train
from tests.engine.staged_tiny import staged_config


@pytest.mark.slow
def test_mixed_precision_follows_float32_for_fifty_steps(tmp_path):
    def losses(amp: bool) -> torch.Tensor:
        options = {"stages": [dict(epochs=17, lr=2.5e-4, max_layer=2)], "randomness.seed": 0}
        runner = train(staged_config(tmp_path / str(amp), options), amp=amp)
        return torch.as_tensor(runner.message_hub.get_scalar("train/loss").data[0])

    exact, mixed = losses(amp=False), losses(amp=True)
    assert len(exact) == 51
    assert not torch.equal(exact, mixed)
    assert ((mixed - exact).abs() / exact).max() < 0.02
