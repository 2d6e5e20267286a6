"""What a training shows: a bar on a terminal, plain lines in a pipe, three lines if it is quiet."""

from __future__ import annotations

import logging

import pytest
from rich.console import Console

from rgbtvg.engine import train
from rgbtvg.engine.hooks import progress_bar_hook
from tests.engine.tiny import tiny_config


def test_a_quiet_run_shows_three_lines_and_logs_everything(tmp_path, capfd):
    train(tiny_config(tmp_path / "run", {"max_epochs": 1}), quiet=True)
    shown = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in shown] == ["Best", "Last checkpoint", "Next"]
    log = next((tmp_path / "run").glob("*/*.log")).read_text()
    assert "Epoch(train)" in log and "Next: " in log
    # The next run of this process is not quiet.
    train(tiny_config(tmp_path / "other", {"max_epochs": 1}))
    assert "Epoch(train)" in capfd.readouterr().out


def test_a_quiet_run_shows_warnings(tmp_path, capfd):
    runner = train(tiny_config(tmp_path / "run", {"max_epochs": 1}), quiet=True)
    capfd.readouterr()
    runner.logger.log(logging.WARNING, "look here")
    assert "look here" in capfd.readouterr().out


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_on_a_terminal_and_plain_lines_in_a_pipe(terminal, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(progress_bar_hook, "Console", lambda: Console(force_terminal=terminal, width=160))
    train(tiny_config(tmp_path / "run", {"max_epochs": 2}))
    shown = capfd.readouterr().out
    assert ("\x1b[" in shown) is terminal
    assert ("epoch 2/2" in shown and " GB" in shown) is terminal
    assert "Best: " in shown
