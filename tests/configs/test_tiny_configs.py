"""Small configs train on several processes: a step reaches all that learns, or the config says that it does not."""

from pathlib import Path

import pytest
import torch

from rgbtvg.benchmarking.cost import random_inputs, random_samples, training_step
from rgbtvg.engine import load_config
from rgbtvg.registry import MODELS

ROOT = Path(__file__).parents[2] / "configs"
CONFIGS = sorted(path for path in ROOT.glob("*/*.py") if "tiny" in path.stem or path.stem == "quickstart")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_step_reaches_every_parameter_that_learns(path):
    torch.manual_seed(0)
    config = load_config(path)
    model = MODELS.build(config.model).train()
    if "stages" in config:
        model.unfreeze_layers(config.stages[0]["max_layer"])
    inputs = random_inputs(model, config.image_size, config.max_length, batch_size=2)
    training_step(model, inputs, random_samples(inputs))
    unreached = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert bool(unreached) == config.get("find_unused_parameters", False), unreached
