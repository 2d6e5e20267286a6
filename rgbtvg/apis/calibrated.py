"""The calibration file next to a checkpoint."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.logging import print_log

from rgbtvg.files import sha256_of

if TYPE_CHECKING:
    from rgbtvg.evaluation.calibration import Calibration

SUFFIX = ".calibration.json"
WEIGHTS = "weights_sha256"
"""Entry of ``fitted_on``: the file of weights that a calibration belongs to."""


def calibration_path(weights: str | Path) -> Path:
    """Where the calibration of a checkpoint lies: ``best.pth.calibration.json`` next to ``best.pth``."""
    return Path(f"{weights}{SUFFIX}")


def read_calibration(weights: str | Path) -> Calibration | None:
    """The calibration next to a checkpoint, or None if there is none or it was fitted to other weights.

    Raises:
        DataError: the file is not a calibration.
    """
    path = calibration_path(weights)
    if not path.is_file() or not Path(weights).is_file():
        return None
    from rgbtvg.evaluation.calibration import Calibration  # the metrics are imported where there is a file only

    calibration = Calibration.load(path)
    expected = calibration.fitted_on.get(WEIGHTS)
    if expected is not None and expected != sha256_of(weights):
        print_log(f"{path} was fitted to other weights than {weights} and is ignored", "current", logging.WARNING)
        return None
    return calibration


def write_calibration(calibration: Calibration, weights: str | Path, path: str | Path | None = None) -> Path:
    """Write a calibration, bound to a file of weights, to `path` or next to the weights; returns where it is."""
    path = Path(path) if path else calibration_path(weights)
    bound = {**calibration.fitted_on, WEIGHTS: sha256_of(weights)}
    replace(calibration, fitted_on=bound).save(path)
    return path


def checkpoint_of_predictions(predictions: str | Path) -> Path | None:
    """The checkpoint that predictions were made with, if it is still the same file."""
    from rgbtvg.engine.provenance import TEST_FILE
    from rgbtvg.evaluation.predictions import find_predictions

    try:
        text = find_predictions(predictions).with_name(TEST_FILE).read_text(encoding="utf-8")
        tested = json.loads(text)["checkpoint"]
        same = sha256_of(tested["path"]) == tested["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Path(tested["path"]) if same else None
