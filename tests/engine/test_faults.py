"""Bad samples and bad losses in mid-run."""

from __future__ import annotations

import json

from tests.engine.processes import call
from tests.engine.tiny import test_tiny as run_test
from tests.engine.tiny import train_tiny


def test_unreadable_training_sample_is_replaced_and_logged_once(tmp_path):
    log = tmp_path / "log"
    options = {"unreadable": [3], "default_hooks.unreadable_samples.max_share": 0.1, "workers": 2}
    assert call(train_tiny, str(tmp_path / "run"), options, output=log) == 0, log.read_text()[-3000:]
    text = log.read_text()
    assert text.count("tiny/test/000003: 3.png is truncated") == 1
    assert "1 of 10 training samples are unreadable so far" in text


def test_too_many_unreadable_training_samples_stop_the_run(tmp_path):
    log = tmp_path / "log"
    assert call(train_tiny, str(tmp_path / "run"), {"unreadable": [3, 4]}, output=log) == 1
    last = log.read_text().splitlines()[-1]
    assert last.startswith("error: 1 of 10 training samples are unreadable, more than the allowed share of 0.01")
    assert "Traceback" not in log.read_text()


def test_error_in_a_worker_is_one_sentence(tmp_path):
    log = tmp_path / "log"
    options = {"unreadable": list(range(10)), "workers": 2}
    assert call(train_tiny, str(tmp_path / "run"), options, output=log) == 1
    text = log.read_text()
    assert "error: 20 training samples drawn one after another are unreadable" in text.splitlines()[-1]
    assert "Traceback" not in text


def test_unreadable_test_sample_counts_as_wrong_and_is_listed(tmp_path):
    log, run = tmp_path / "log", tmp_path / "run"
    assert call(train_tiny, str(run), {"max_epochs": 1}, output=log) == 0, log.read_text()[-3000:]
    # Samples 4 and 5 are a whole batch.
    for name, unreadable in {"whole": [], "broken": [1, 4, 5]}.items():
        arguments = (str(tmp_path / name), str(run / "epoch_1.pth"), {"unreadable": unreadable})
        assert call(run_test, *arguments, output=log) == 0, log.read_text()[-3000:]
    rows = {name: json.loads((tmp_path / name / "predictions.json").read_text()) for name in ("whole", "broken")}
    assert "3.png is truncated" not in log.read_text()
    assert "1.png is truncated" in log.read_text()
    whole, broken = ((tmp_path / name / "results.json").read_text() for name in ("whole", "broken"))
    assert whole != broken and rows["whole"] != rows["broken"]


def test_loss_that_is_not_finite_is_left_out(tmp_path):
    log = tmp_path / "log"
    options = {"model.poison": ["tiny/test/000003"]}
    assert call(train_tiny, str(tmp_path / "run"), options, output=log) == 0, log.read_text()[-3000:]
    text = log.read_text()
    assert text.count("left out: loss or gradient is not finite; samples:") == 3  # once per epoch
    assert all("tiny/test/000003" in line for line in text.splitlines() if "left out" in line)
    assert "miou: nan" not in text


def test_epochs_without_a_step_are_one_sentence(tmp_path):
    log = tmp_path / "log"
    options = {"train_dataloader.batch_size": 16, "train_dataloader.drop_last": True}
    assert call(train_tiny, str(tmp_path / "run"), options, output=log) == 1
    expected = (
        "error: an epoch would have no step: each of 1 processes has 10 of 10 training rows, fewer than its batch"
    )
    assert log.read_text().splitlines()[-1].startswith(expected)


def test_run_stops_after_bad_losses_in_a_row(tmp_path):
    log = tmp_path / "log"
    options = {"model.poison": True, "default_hooks.non_finite_loss.max_in_a_row": 4}
    assert call(train_tiny, str(tmp_path / "run"), options, output=log) == 1
    assert "error: the loss was not finite in 4 steps in a row, up to step 4" in log.read_text().splitlines()[-1]
