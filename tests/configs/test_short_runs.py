"""Every config can be tried for one epoch: ``--cfg-options max_epochs=1``."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

from rgbtvg.engine.optim import schedulers_in_reach
from rgbtvg.engine.staged import stretched
from rgbtvg.errors import ConfigError
from tests.configs.conftest import configs_without

STEPS = 5


@pytest.mark.parametrize(
    "changed", configs_without("_base_", "comparisons", "zero_shot"), indirect=True, scope="session"
)
def test_its_schedule_can_be_built_for_one_epoch(changed):
    config = changed.config
    if "stages" in config:
        assert config.train_cfg.type == "StagedTrainLoop"
        assert [stage["epochs"] for stage in stretched(config.train_cfg.stages, config.train_cfg.max_epochs)] == [1]
        return
    assert config.train_cfg.max_epochs == 1
    weights = torch.nn.Parameter(torch.zeros(1))
    wrapper = OptimWrapper(torch.optim.SGD([weights], lr=config.lr))
    schedulers = [
        PARAM_SCHEDULERS.build({"end": 1, **scheduler}, default_args=dict(optimizer=wrapper, epoch_length=STEPS))
        for scheduler in schedulers_in_reach(config.param_scheduler, 1, STEPS)
    ]
    assert schedulers
    for _ in range(STEPS):
        assert 0 < wrapper.get_lr()["lr"][0] <= config.lr * (1 + 1e-9)  # a warm-up multiplies step by step
        weights.grad = torch.ones(1)
        wrapper.step()
        for scheduler in schedulers:
            if not scheduler.by_epoch:
                scheduler.step()


def test_every_stage_keeps_its_share():
    stages = [dict(epochs=epochs, lr=epochs) for epochs in (60, 20, 20, 20)]
    for total, expected in ((120, [60, 20, 20, 20]), (12, [6, 2, 2, 2]), (240, [120, 40, 40, 40]), (6, [3, 1, 1, 1])):
        assert [stage["epochs"] for stage in stretched(stages, total)] == expected


def test_of_few_epochs_the_last_stage_has_one():
    stages = [dict(epochs=epochs, max_layer=layer) for epochs, layer in ((60, 0), (20, 5), (20, 8), (20, 12))]
    assert stretched(stages, 1) == [dict(epochs=1, max_layer=12)]
    assert [(stage["epochs"], stage["max_layer"]) for stage in stretched(stages, 4)] == [(2, 0), (1, 8), (1, 12)]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "ten"])
def test_other_numbers_of_epochs_are_refused(wrong):
    with pytest.raises(ConfigError, match="max_epochs must be a whole number from 1 on"):
        stretched([dict(epochs=2)], wrong)


def test_what_comes_after_the_run_is_left_out():
    warm_up, fall = dict(type="LinearLR", end=2), dict(type="CosineAnnealingLR", begin=2, end=1)
    by_step = dict(type="LinearLR", by_epoch=False, begin=3)
    assert schedulers_in_reach([warm_up, fall, by_step], 1, 5) == [warm_up, by_step]
    assert schedulers_in_reach([warm_up, fall, by_step], 3, 3) == [warm_up, fall]
    assert schedulers_in_reach(dict(a=fall, b=[warm_up]), 1, 5) == dict(a=[], b=[warm_up])
    assert schedulers_in_reach(None, 1, 5) == []
    built = object()
    assert schedulers_in_reach([built, fall], 1, 5) == [built]
