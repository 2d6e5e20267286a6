"""Which camera counts: Shapley shares of RGB and thermal, swapped cameras, and controls of thermal."""

from __future__ import annotations

from typing import Any

import numpy as np

from rgbtvg.analysis.asking import CLEAN, Answers, Question, ask
from rgbtvg.analysis.audit import Audit, estimate
from rgbtvg.analysis.changes import Change, Corrupted, Swapped, Without
from rgbtvg.analysis.evaluated_model import EvaluatedModel
from rgbtvg.analysis.tables import difference, line, share
from rgbtvg.errors import ConfigError
from rgbtvg.evaluation.groups import Group

GATE_PARTS = 5
"""Parts of the samples by the gate of their thermal image."""
SHIFT_SEVERITY = 4
"""Of the shifted thermal image among the controls: 7 % of the long side."""


def audit_cameras(model: EvaluatedModel, progress: bool = True) -> Audit:
    """Measure what each camera contributes.

    Four predictions per sample, with no camera, RGB, thermal and both, give Shapley values of acc@0.5: the mean gain
    from adding a camera first or second. They sum to the accuracy with both minus that with none. The image of a
    missing camera is the data set's mean. Two more predictions have one image of another pair.
    """
    means = model.means
    changes: dict[str, Change | None] = {
        CLEAN: None,
        "rgb": Without(("ir",), means),
        "thermal": Without(("rgb",), means),
        "none": Without(("rgb", "ir"), means),
        "swapped rgb": Swapped("rgb"),
        "swapped thermal": Swapped("ir"),
    }
    answers = _ask(model, changes, progress)
    hits = {name: answers.ious(name) >= 0.5 for name in changes}
    of_rgb, of_thermal = shapley(hits["none"], hits["rgb"], hits["thermal"], hits[CLEAN])
    records = []
    for group, places in answers.groups.items():
        scores: dict[str, Any] = {
            name: share(hits[kind], answers, places)
            for name, kind in (("both", CLEAN), ("rgb", "rgb"), ("thermal", "thermal"), ("none", "none"))
        }
        scores["shapley_rgb"] = difference(of_rgb, answers, places)
        scores["shapley_thermal"] = difference(of_thermal, answers, places)
        scores["thermal_share"] = thermal_share(scores["shapley_rgb"].value, scores["shapley_thermal"].value)
        for stream in ("rgb", "thermal"):
            same = answers.agreement(CLEAN, f"swapped {stream}") >= 0.5
            scores[f"swapped_{stream}"] = share(hits[f"swapped {stream}"], answers, places)
            scores[f"unmoved_by_{stream}"] = share(same, answers, places)
        records.append(line(group, len(places), **scores))
    return _cameras(records, model, answers)


def shapley(none: np.ndarray, rgb: np.ndarray, thermal: np.ndarray, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values of RGB and of thermal, (N,) each, from values (N,) without, with one and with both cameras."""
    none, rgb, thermal, both = (np.asarray(values, dtype=float) for values in (none, rgb, thermal, both))
    return ((rgb - none) + (both - thermal)) / 2, ((thermal - none) + (both - rgb)) / 2


def thermal_share(of_rgb: float, of_thermal: float) -> float | None:
    """Share of thermal in what both cameras contribute; None where together they contribute nothing."""
    total = of_rgb + of_thermal
    return of_thermal / total if total > 0 else None


def _cameras(records: list[dict[str, Any]], model: EvaluatedModel, answers: Answers) -> Audit:
    names = ("both", "rgb", "thermal", "none", "shapley_rgb", "shapley_thermal")
    rows = []
    for record in records:
        if record["by"] not in ("", "lighting"):
            continue
        label = f"{record['by']}: {record['value']}" if record["by"] else record["split"]
        part = record["thermal_share"]
        cells = [f"{100 * record[name]['value']:.1f}" for name in names]
        rows.append([label, str(record["count"]), *cells, "-" if part is None else f"{100 * part:.0f}"])
    whole = records[0]
    note = "\n".join(
        (
            f"Shapley value of thermal {estimate(whole, 'shapley_thermal').percent(signed=True)}, of RGB "
            f"{estimate(whole, 'shapley_rgb').percent(signed=True)} points.",
            f"With the thermal image of another pair the box stays in {estimate(whole, 'unmoved_by_thermal').percent()}"
            f" % of the sentences, with the RGB image of another pair in "
            f"{estimate(whole, 'unmoved_by_rgb').percent()} %.",
        )
    )
    headers = ["samples", "count", "both", "RGB", "thermal", "none", "Shapley RGB", "Shapley thermal", "thermal %"]
    return Audit("cameras", records, _plain(whole), model.facts, answers.unreadable, headers, rows, note)


def audit_controls(model: EvaluatedModel, progress: bool = True) -> Audit:
    """Compare the right thermal image with none, and with three that should not help.

    A sample is *rescued* by a condition if it is right with it and wrong without thermal, *harmed* if it is the other
    way round. A gain that the image of another pair brings as well does not come from what thermal shows.

    Raises:
        ConfigError: the model reads one camera only.
    """
    if len(model.find.streams) < 2:
        raise ConfigError("the controls compare thermal images for a model that reads both cameras; this one reads one")
    means = model.means
    changes: dict[str, Change | None] = {
        CLEAN: None,
        "absent": Without(("ir",), means),
        "other": Swapped("ir"),
        "shifted": Corrupted("shift", SHIFT_SEVERITY),
        "blank": Corrupted("missing_thermal_black", None),
    }
    answers = _ask(model, changes, progress)
    hits = {name: answers.ious(name) >= 0.5 for name in changes}
    base = hits["absent"]
    records = []
    for name in changes:
        for group, places in answers.groups.items():
            scores = {
                "acc@0.5": share(hits[name], answers, places),
                "rescued": share(hits[name] & ~base, answers, places),
                "harmed": share(base & ~hits[name], answers, places),
                "gain": difference(hits[name].astype(float) - base, answers, places),
            }
            records.append({"thermal": "right" if name == CLEAN else name, **line(group, len(places), **scores)})
    records += _gains_by_gate(answers, hits[CLEAN].astype(float) - base)
    whole = [record for record in records if not record["by"]]
    rows = [
        [
            record["thermal"],
            *(estimate(record, score).percent() for score in ("acc@0.5", "rescued", "harmed")),
            estimate(record, "gain").percent(signed=True),
        ]
        for record in whole
    ]
    summary = {record["thermal"]: _plain(record) for record in whole}
    note = "Rescued and harmed are relative to an absent thermal image, which is the data set's mean."
    headers = ["thermal", "acc@0.5", "rescued", "harmed", "gain"]
    return Audit("controls", records, summary, model.facts, answers.unreadable, headers, rows, note)


def _gains_by_gate(answers: Answers, gain: np.ndarray) -> list[dict[str, Any]]:
    """Gain of the right thermal image in five equal parts of the samples, from the least to the most open gate."""
    gates = [row.get("thermal_gate") for row in answers.rows]
    if None in gates or len(gates) < GATE_PARTS:
        return []
    values = np.array(gates, dtype=float)
    records = []
    for group, places in answers.groups.items():
        if group.by:
            continue
        for part in np.array_split(places[np.argsort(values[places], kind="stable")], GATE_PARTS):
            mean = float(values[part].mean())
            group_of_gate = Group(group.split, "gate", f"{mean:+.3f}")
            scores = {"gate": mean, "gain": difference(gain, answers, part)}
            records.append({"thermal": "right", **line(group_of_gate, len(part), **scores)})
    return records


def _ask(model: EvaluatedModel, changes: dict[str, Change | None], progress: bool) -> Answers:
    questions = [
        Question(index, name, change) for index in range(len(model.records)) for name, change in changes.items()
    ]
    return ask(model, questions, progress)


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Values of a record's estimates."""
    return {
        name: value["value"] if isinstance(value, dict) else value
        for name, value in record.items()
        if name not in ("split", "by", "value", "thermal")
    }
