"""Compare our model with what a reference implementation answered.

    python tests/parity/run.py CASE.json [CASE.json ...]

Builds our model from the case's config, fills the reference's state dict (`fill.py`), passes it through our converter,
runs, and prints the largest error of every output, loss and gradient norm that both have. Exit status 1 when anything
is outside tolerance, a reference name is unused, a parameter of ours is unfilled, or an end result of the case is
missing in ours.

A gradient norm that differs by more than the tolerance is computed in float64 as well. The distance of our float32
value from it is the float32 noise of that tensor; the tolerance of the tensor is then `NOISE_FACTOR` times that noise,
if this is larger. ``--double`` prints the noise of every gradient norm.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import importlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))

import cases
from harness import Listener, ParityMethod

from rgbtvg.checkpoints.converters import get_converter
from rgbtvg.checkpoints.rules import Converted

BOX_ATOL = 1e-4
LOSS_RTOL = 1e-4
REST_RTOL = 1e-3
NOISE_FACTOR = 4  # ours and the reference's float32 rounding add up, and are of the same size
NOISE = 1e-5  # below this share of a model's largest gradient (or of order-one values) float32 says nothing


@dataclasses.dataclass
class Row:
    """One line of the report."""

    kind: str
    name: str
    error: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.error <= self.limit


@dataclasses.dataclass
class Report:
    """All comparisons of one case."""

    case: str
    rows: list[Row] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)
    not_compared: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def passed(self) -> bool:
        return bool(self.rows) and not self.faults and all(row.passed for row in self.rows)

    def text(self, verbose: bool = True) -> str:
        lines = [f"{self.case}: {'passed' if self.passed else 'FAILED'}, {len(self.rows)} comparisons"]
        for row in self.rows:
            if verbose or not row.passed:
                mark = "ok  " if row.passed else "FAIL"
                lines.append(f"  {mark} {row.kind:9s} {row.name:70s} {row.error:.2e} (limit {row.limit:.0e})")
        lines += [f"  FAIL {fault}" for fault in self.faults]
        lines += [f"  {note}" for note in self.notes]
        if verbose and self.not_compared:
            lines.append(f"  not compared: {', '.join(self.not_compared)}")
        return "\n".join(lines)


def run_case(path: str | Path, double: bool = False) -> Report:
    """Run one case file and compare everything that it holds; `double` also reports the noise of every gradient."""
    case = cases.load(path)
    report = Report(case.name)
    method: ParityMethod = importlib.import_module(f"methods.{case.spec['method']}").METHOD
    if "functions" in case.spec:
        compare_functions(method.functions(case), set(case.spec["functions"]), report)
        return report
    special = method.special(case)
    if special is not None:
        compare_outputs(case, special, report)
        return report
    model = method.build(case)
    converted = load_reference(case, model, report)
    if case.inputs:
        run_model(case, method, model, converted, report, double)
        for name, variant in method.variants(case, model):
            first = len(report.rows)
            run_model(variant, method, model, converted, report, double)
            for row in report.rows[first:]:
                row.name = f"{name}: {row.name}"
    else:  # a case of names and shapes only
        report.rows.append(Row("names", "converted", float(len(report.faults)), 0.0))
    return report


def load_reference(case: cases.Case, model: nn.Module, report: Report) -> Converted:
    """Fill the reference's state dict into our model through its converter; faults go to the report."""
    weights = {name: torch.from_numpy(values) for name, values in case.weights().items()}
    own = model.state_dict()
    converted = get_converter(case.spec["method"]).to_ours(weights, wanted=own)
    report.faults += [f"unused reference name: {name}" for name in converted.unknown]
    report.faults += [f"no such parameter of ours: {name}" for name in converted.state if name not in own]
    constant = constants(model)
    report.faults += [f"unfilled: {name}" for name in own if name not in converted.state and name not in constant]
    for name, tensor in converted.state.items():
        if name in own and own[name].shape != tensor.shape:
            report.faults.append(f"shape of {name}: {tuple(own[name].shape)}, converted {tuple(tensor.shape)}")
    check_idle(case, converted, report)
    fitting = {name: t for name, t in converted.state.items() if name in own and own[name].shape == t.shape}
    model.load_state_dict(fitting, strict=False)
    return converted


def constants(model: nn.Module) -> set[str]:
    """Entries of our state dict that are no weights: integer counters and index tables."""
    return {name for name, tensor in model.state_dict().items() if not tensor.is_floating_point()}


def check_idle(case: cases.Case, converted: Converted, report: Report) -> None:
    """A converter may leave out only what does nothing in the reference: no gradient ever reaches it there."""
    if not case.spec.get("grad_norms"):
        return
    learning = {name for name, norm in case.spec["grad_norms"].items() if norm}
    aliases = case.spec.get("aliases", {})
    for name, reason in converted.idle.items():
        if name in learning and name not in aliases:
            report.faults.append(f"left out as idle ({reason}), but the reference has a gradient there: {name}")


def run_model(
    case: cases.Case,
    method: ParityMethod,
    model: nn.Module,
    converted: Converted,
    report: Report,
    double: bool = False,
) -> None:
    listener = Listener(model, method.taps(case))
    outputs = method.encode(case, model)
    tapped = listener.tapped()
    compare_outputs(case, method.outputs(case, outputs, tapped), report)
    wanted = dict(case.spec.get("losses", {}))
    if case.spec.get("loss_total") is not None:
        wanted["loss_total"] = case.spec["loss_total"]
    if wanted:
        losses = method.losses(case, method.loss_terms(case, model, outputs), outputs)
        compare_losses(wanted, losses, report)
        compare_gradients(case, method, model, converted, losses["total"], report, double)
    compare_trainable(case, method, model, converted, report)


def compare_outputs(case: cases.Case, outputs: dict[str, Tensor], report: Report) -> None:
    for name in case.spec.get("outputs", {}):
        if name not in outputs:
            report.not_compared.append(name)
            continue
        try:
            error, scale = case.compare(name, outputs[name].detach().float().cpu().numpy())
        except ValueError as fault:
            report.faults.append(str(fault))
            continue
        is_box = "box" in name and "logit" not in name
        limit = BOX_ATOL if is_box else REST_RTOL
        # Boxes in pixels are as exact as those in [0, 1]: relative to the largest coordinate.
        report.rows.append(Row("output", name, error / max(scale, 1.0 if is_box else NOISE), limit))
    if "pred_box" in report.not_compared:
        report.faults.append("pred_box is not among our outputs")


def compare_functions(answers: Iterable[tuple[str, Any, Any]], wanted: set[str], report: Report) -> None:
    """Single functions: whatever nests numbers, compared entry by entry."""
    for name, ours, theirs in answers:
        ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
        wanted -= {part for part in wanted if name.startswith(part)}
        if ours.shape != theirs.shape:
            report.faults.append(f"{name} has shape {list(ours.shape)}, the reference gave {list(theirs.shape)}")
            continue
        error = np.abs(ours - theirs).max(initial=0.0) / max(np.abs(theirs).max(initial=0.0), NOISE)
        report.rows.append(Row("function", name, float(error), REST_RTOL))
    report.faults += [f"function is missing in ours: {name}" for name in sorted(wanted)]


def compare_losses(wanted: dict[str, float], losses: dict[str, Tensor], report: Report) -> None:
    for name, value in wanted.items():
        if name not in losses:
            report.faults.append(f"loss {name} is missing in ours")
            continue
        error = abs(float(losses[name].detach()) - value) / max(abs(value), NOISE)
        report.rows.append(Row("loss", name, error, LOSS_RTOL))


def compare_gradients(
    case: cases.Case,
    method: ParityMethod,
    model: nn.Module,
    converted: Converted,
    total: Tensor,
    report: Report,
    double: bool = False,
) -> None:
    """L2 norms of the gradient of the total loss, by the reference's names."""
    norms = case.spec.get("grad_norms") or {}
    if not norms:
        return
    single = gradient_norms(model, converted, total)
    aliases = case.spec.get("aliases", {})
    floor = NOISE * max((norm for norm in norms.values() if norm), default=1.0)
    rows = []
    for name, norm in norms.items():
        source = name if name in single else aliases.get(name, name)
        ours = single.get(source, 0.0)
        error = abs(ours - norm) / max(norm, floor) if norm else ours / floor * REST_RTOL
        rows.append((source, Row("gradient", name, error, REST_RTOL)))
    if double or not all(row.passed for _, row in rows):
        exact = double_gradient_norms(case, method, model, converted)
        for source, row in rows:
            norm = norms[row.name] or 0.0
            noise = abs(single.get(source, 0.0) - exact.get(source, 0.0)) / max(norm, floor)
            row.limit = max(row.limit, NOISE_FACTOR * noise)
            if double:
                own = abs(exact.get(source, 0.0) - norm) / max(norm, floor)
                report.notes.append(f"{row.name}: float32 noise {noise:.1e}, float64 against the reference {own:.1e}")
    report.rows += [row for _, row in rows]


def gradient_norms(model: nn.Module, converted: Converted, total: Tensor) -> dict[str, float]:
    """Reference name -> norm of the gradient of the total loss."""
    model.zero_grad()
    total.backward()
    squares: dict[str, float] = {}
    for name, parameter in model.named_parameters():
        if name in converted.sources and parameter.grad is not None:
            source = converted.sources[name]
            squares[source] = squares.get(source, 0.0) + float(parameter.grad.double().pow(2).sum())
    return {name: square**0.5 for name, square in squares.items()}


def double_gradient_norms(
    case: cases.Case, method: ParityMethod, model: nn.Module, converted: Converted
) -> dict[str, float]:
    """:func:`gradient_norms` computed in float64; the model is float32 again afterwards."""
    inputs = {
        name: value.astype(np.float64) if getattr(value, "dtype", None) == np.float32 else value
        for name, value in case.inputs.items()
    }
    case = dataclasses.replace(case, inputs=inputs)
    torch.set_default_dtype(torch.float64)
    model.double()
    try:
        outputs = method.encode(case, model)
        losses = method.losses(case, method.loss_terms(case, model, outputs), outputs)
        return gradient_norms(model, converted, losses["total"])
    finally:
        torch.set_default_dtype(torch.float32)
        model.float()


def trainable_names(case: cases.Case) -> Iterable[str]:
    """The reference's names that require a gradient: listed, ``all``, or all but the listed ones."""
    listed = case.spec["trainable"]
    if listed == "all":
        return case.spec["state_dict"]
    if isinstance(listed, dict):
        return [name for name in case.spec["state_dict"] if name not in listed["all_except"]]
    return listed


def compare_trainable(
    case: cases.Case, method: ParityMethod, model: nn.Module, converted: Converted, report: Report
) -> None:
    """Which parameters require a gradient, by the reference's names; those that get none there may differ."""
    if not case.spec.get("trainable"):
        return
    theirs = set(trainable_names(case))
    excused = [pattern.split(" ")[0] for pattern in case.spec.get("no_gradient") or ()]
    excused += list(method.idle_trainable(case))
    ours = dict(model.named_parameters())
    for name, source in converted.sources.items():
        if name not in ours or any(matches(source, pattern) for pattern in excused):
            continue
        if ours[name].requires_grad != (source in theirs):
            wants = "trainable" if source in theirs else "frozen"
            report.faults.append(f"{source} is {wants} in the reference, not in ours ({name})")


def matches(name: str, pattern: str) -> bool:
    if fnmatch.fnmatchcase(name, pattern):
        return True
    try:
        return re.fullmatch(pattern, name) is not None
    except re.error:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", type=Path, metavar="CASE.json")
    parser.add_argument("--brief", action="store_true", help="print failures only")
    parser.add_argument("--double", action="store_true", help="report the float32 noise of every gradient norm")
    args = parser.parse_args()
    reports = []
    for path in args.cases:
        reports.append(run_case(path, args.double))
        print(reports[-1].text(verbose=not args.brief), flush=True)
    failed = sum(not report.passed for report in reports)
    print(f"{len(reports) - failed} of {len(reports)} cases passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
