"""Validation on several processes scores the model that is saved, not one model per process."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.engine import test as run_test
from rgbtvg.engine import train
from rgbtvg.errors import ConfigError
from tests.engine.processes import call
from tests.engine.staged_tiny import pairs_config, train_pairs_in_group

EMA = {"custom_hooks": [dict(type="EMAHook", momentum=0.1)]}


def model(method: str) -> dict[str, Any]:
    if method == "quickstart":
        from rgbtvg.engine import load_config

        path = Path(__file__).parents[2] / "configs/quickstart/quickstart.py"
        config = load_config(path, {"modality": "rgbt"}).model.to_dict()
        config.pop("data_preprocessor")
        return config
    return importlib.import_module(f"tests.models.tiny.{method}").config("rgbt")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("faoa", EMA),
        *(pytest.param(method, {}, marks=pytest.mark.slow) for method in ("faoa", "resc", "alvg", "quickstart")),
    ],
)
def test_validation_of_two_processes_is_a_test_of_the_saved_checkpoint(tmp_path, method, options):
    run, log = tmp_path / "run", tmp_path / "log"
    # Each process sees other rows: running statistics differ until they are synchronized.
    options = {"max_epochs": 1, "lr": 1e-2, "train_dataloader.batch_size": 3, **options}
    assert call(train_pairs_in_group, str(run), model(method), options, output=log, processes=2) == 0, log.read_text()[
        -3000:
    ]
    scalars = load_file(run / "best.pth")["message_hub"]["log_scalars"]
    metrics = run_test(pairs_config(tmp_path / "test", model(method)), run / "best.pth")
    validated = {name: scalars[f"val/{name}"]["values"][-1] for name in metrics if f"val/{name}" in scalars}
    assert "grounding/miou" in validated
    assert {name: metrics[name] for name in validated} == pytest.approx(validated, abs=1e-4)


@pytest.mark.parametrize(("batch_size", "which"), [(1, "every batch"), (5, "the last batch of an epoch")])
def test_a_batch_of_one_sample_is_one_sentence(tmp_path, batch_size, which):
    config = pairs_config(tmp_path / "run", model("faoa"), {"train_dataloader.batch_size": batch_size})
    with pytest.raises(ConfigError, match=rf"{which} of a process has one sample, and \S+ \(BatchNorm1d\) needs two"):
        train(config)


def test_integer_buffers_stay_as_they_are():
    from rgbtvg.engine.hooks.sync_buffers_hook import SyncBuffersHook

    class Recorder:
        model = torch.nn.BatchNorm1d(2)
        hooks = ()

    SyncBuffersHook().before_val(Recorder())
    assert Recorder.model.num_batches_tracked.dtype == torch.long
