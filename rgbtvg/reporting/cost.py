"""The table of costs of a report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from rgbtvg.benchmarking.estimate import forward_cost
from rgbtvg.engine.checkpoint_config import config_from_checkpoint
from rgbtvg.evaluation.plots import read_scalars
from rgbtvg.reporting.run import Run
from rgbtvg.reporting.tables import Table

HEADERS = ["model", "parameters (M)", "learned (M)", "GFLOPs per pair", "steps", "s per step", "training (min)", "on"]


def cost_table(runs: Sequence[Run]) -> Table | None:
    """Size and operations of the models, and the time of their training; a cell is empty where it is not known.

    Operations are those of a forward pass, counted on the meta device from the checkpoint's config.
    """
    rows = [[run.name, *_model_cells(run), *_training_cells(run)] for run in runs]
    title = "Cost: operations are counted, seconds were logged by the training"
    return Table("cost", title, HEADERS, rows) if any(cell for row in rows for cell in row[1:]) else None


def _model_cells(run: Run) -> list[str]:
    if run.checkpoint is None:
        return ["", "", ""]
    cost = forward_cost(config_from_checkpoint(run.checkpoint))
    return [f"{cost['parameters_m']:.2f}", f"{cost['learning_m']:.2f}", f"{cost['gflops']:.2f}"]


def _training_cells(run: Run) -> list[str]:
    """Steps, the median of the seconds of a step, minutes of all steps, and what they ran on."""
    times = read_scalars(run.folder).get("time", {}) if run.has_curves else {}
    if not times:
        return ["", "", "", ""]
    steps = [0, *times]
    seconds = sum((step - before) * times[step] for before, step in pairwise(steps))
    device = run.training.get("gpu") or "CPU"
    return [str(steps[-1]), f"{median(times.values()):.3f}", f"{seconds / 60:.1f}", str(device)]
