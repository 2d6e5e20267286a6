"""Where scalars go follows from the config and from what is installed here, not where the config was resolved."""

from __future__ import annotations

import importlib.util
import re
from unittest import mock

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.visualization import MLflowVisBackend as PlainMLflowVisBackend

from rgbtvg.engine import loggers
from rgbtvg.engine.hooks import ProgressBarHook
from rgbtvg.engine.loggers import MLflowVisBackend, installed_loggers
from rgbtvg.errors import ConfigError


@pytest.fixture
def installed(monkeypatch):
    """Set of packages that are there."""
    packages: set[str] = set()
    find_spec = importlib.util.find_spec

    def found(name: str, *arguments: object) -> object:
        known = name in loggers.LOGGERS
        return (object() if name in packages else None) if known else find_spec(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", found)
    return packages


def test_tensorboard_is_on_where_it_is_installed(installed):
    assert installed_loggers(None) == []
    installed.add("tensorboard")
    assert installed_loggers(None) == ["tensorboard"]
    assert installed_loggers([]) == []


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_what_a_config_asks_for_must_be_there(installed, name):
    with pytest.raises(ConfigError, match=f"asks for '{name}', which is not installed: pip install {name}"):
        installed_loggers([name])
    installed.add(name)
    assert installed_loggers(name) == [name]


def test_unknown_logger_is_named(installed):
    with pytest.raises(ConfigError, match="may hold tensorboard, wandb, mlflow; got 'tensorbord'"):
        installed_loggers("tensorbord")


def test_mlflow_gets_names_that_it_takes(monkeypatch, tmp_path):
    given = {}
    monkeypatch.setattr(
        PlainMLflowVisBackend, "add_scalars", lambda self, scalars, *rest, **named: given.update(scalars)
    )
    MLflowVisBackend(str(tmp_path)).add_scalars({"val/acc@0.5[size=small]": 0.1, "train/loss box": 1.0})
    assert given == {"val/acc_0.5_size_small_": 0.1, "train/loss box": 1.0}


def test_the_progress_bar_shows_a_loss_without_a_warning(recwarn):
    hook = ProgressBarHook()
    hook.progress, hook.tasks = mock.Mock(), {"train": 0}
    runner = mock.Mock(epoch=0, max_epochs=2, iter=0)
    runner.message_hub.log_scalars = {"train/loss": HistoryBuffer([1.5], [1])}
    runner.message_hub.get_info.return_value = 0.8512
    hook.after_train_iter(runner, 0, outputs={"loss": torch.tensor(2.5, requires_grad=True) * 1})
    note = hook.progress.update.call_args.kwargs["note"]
    assert re.fullmatch(r"epoch 1/2  loss 1\.500  best 0\.851  \d+\.\d GB", note)
    # Files that earlier tests left open may be collected here: no warning about the loss.
    assert not [warning for warning in recwarn if warning.category is not ResourceWarning]
