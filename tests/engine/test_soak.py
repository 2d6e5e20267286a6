"""A long run killed at random moments, again and again, ends like the one that was left alone."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.engine.processes import call, start
from tests.engine.test_exact_resume import differences, final
from tests.engine.tiny import train_tiny

MINUTES = float(os.environ.get("SOAK_MINUTES", "15"))
KILLS = int(os.environ.get("SOAK_KILLS", "20"))


@pytest.mark.slow
def test_killed_at_random_moments_is_the_same_run(tmp_path):
    """`SOAK_MINUTES` and `SOAK_KILLS` say how long and how often; the killed run is slowed to fill the time."""
    chance, log = random.Random(0), tmp_path / "log"
    options = {"rows": 400, "workers": 2, "max_epochs": 3, "default_hooks.checkpoint.interval_iters": 5}
    assert call(train_tiny, str(tmp_path / "straight"), options, output=log, timeout=3600) == 0
    options["model.seconds"] = MINUTES * 60 / 600
    begin, kills, status = time.monotonic(), 0, None
    while status != 0:
        (process,) = start(train_tiny, str(tmp_path / "killed"), options, True, output=log)
        if kills < KILLS:
            process.join(chance.uniform(0, 2 * MINUTES * 60 / KILLS))
            process.kill()
        process.join()
        kills += process.exitcode == -9
        status = process.exitcode
        assert status in (0, -9), log.read_text()[-3000:]
    minutes = (time.monotonic() - begin) / 60
    print(f"{kills} kills in {minutes:.1f} minutes")
    assert kills, "the run ended before it was killed: raise SOAK_MINUTES"
    assert differences(final(tmp_path / "straight"), final(tmp_path / "killed")) == []
