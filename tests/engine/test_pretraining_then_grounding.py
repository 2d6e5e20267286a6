"""OneRef's way: pre-training by masked pairs, then grounding from its checkpoint."""

from __future__ import annotations

import pytest
import torch

from rgbtvg.engine import load_config, train
from tests.engine.synthetic import make_small, options_of

NEW = "pretraining."


@pytest.mark.slow
def test_grounding_starts_from_every_weight_of_the_pre_training(tmp_path):
    """At a learning rate of zero the grounding run ends with the weights that it started from."""
    options = options_of(make_small(tmp_path / "data", train=16, val=8, test=8), max_epochs=1)
    train(load_config("oneref_tiny_mrefm", options, tmp_path / "masked"))
    pretrained = _weights(tmp_path / "masked/epoch_1.pth")
    options |= {"lr": 0.0}
    train(load_config("oneref_tiny", options, tmp_path / "grounding"), load_from=tmp_path / "masked/epoch_1.pth")
    started = _weights(tmp_path / "grounding/epoch_1.pth")
    shared = [name for name in pretrained if not name.startswith(NEW)]
    assert any(name.startswith("backbone.layers") for name in shared)
    assert set(started) <= set(pretrained)
    for name in started:
        torch.testing.assert_close(started[name], pretrained[name], rtol=0, atol=0, msg=name)


def _weights(path):
    return torch.load(path, weights_only=False)["state_dict"]
