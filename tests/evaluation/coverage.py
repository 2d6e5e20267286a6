"""How often the 95 % intervals cover the truth, in simulated evaluations with several expressions per image.

Images have 1 + Poisson(1.5) expressions, whose hits correlate by `correlation` (beta-binomial), or one each. The box
of a hit has an IoU from Beta(9, 2); half of the misses have IoU 0, the others one from Beta(1.5, 4). Masks have
log-normal sizes that vary more than twofold. A second model shares part of the first one's difficulty with each
expression and image.

python -m tests.evaluation.coverage --write docs/evaluation.md
"""

import argparse
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.special import ndtri

from rgbtvg.evaluation.intervals import Estimate, mean, proportion, ratio
from rgbtvg.evaluation.table import text_table

COUNTS = (20, 28, 36, 49, 160, 400)
SETTINGS = ((0.5, 0.0), (0.5, 1 / 3), (0.7, 1 / 3), (0.85, 1 / 3), (0.5, None), (0.7, None), (0.85, None))
"""Accuracy and correlation within an image; None where every image has one expression."""
KINDS = ("accuracy", "mean IoU", "overall IoU", "difference of accuracies", "difference of mean IoU")
GAIN = 0.05
"""By how much the second model's accuracy is higher."""
BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"


def draw_images(count: int, rng: np.random.Generator) -> np.ndarray:
    """Image number of each of `count` expressions."""
    return np.repeat(np.arange(count), 1 + rng.poisson(1.5, size=count))[:count]


def ious_of(hits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An IoU for each hit and miss."""
    misses = np.where(rng.random(hits.size) < 0.5, 0.0, rng.beta(1.5, 4, hits.size))
    return np.where(hits, rng.beta(9, 2, hits.size), misses)


def mean_iou(accuracy: float) -> float:
    """The true mean IoU."""
    return accuracy * 9 / 11 + (1 - accuracy) * 0.5 * 1.5 / 5.5


def draw_pair(codes: np.ndarray, accuracy: float, correlation: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Hits of two models of `accuracy` and `accuracy` + :data:`GAIN` that find the same expressions difficult."""
    images = int(codes.max()) + 1

    def latent(variance: float) -> np.ndarray:
        by_image = np.sqrt(variance * correlation) * rng.normal(size=images)[codes]
        return by_image + np.sqrt(variance * (1 - correlation)) * rng.normal(size=codes.size)

    shared = latent(0.6)
    for share in (accuracy, accuracy + GAIN):
        yield shared + latent(0.4) < ndtri(share)


def simulate(
    count: int, accuracy: float, correlation: float | None, rng: np.random.Generator
) -> dict[str, tuple[Estimate, float]]:
    """Kind -> (estimate, truth) for one simulated evaluation of `count` expressions."""
    codes = np.arange(count) if correlation is None else draw_images(count, rng)
    correlation = correlation or 0.0
    images = int(codes.max()) + 1
    shares = np.full(images, accuracy)
    if correlation:
        strength = (1 - correlation) / correlation
        shares = rng.beta(accuracy * strength, (1 - accuracy) * strength, images)
    hits = rng.random(count) < shares[codes]
    ious = ious_of(hits, rng)
    unions = 100 * np.exp(0.8 * rng.normal(size=count) + 0.6 * rng.normal(size=images)[codes])
    first, second = draw_pair(codes, accuracy, correlation, rng)
    truth = mean_iou(accuracy)
    return {
        "accuracy": (proportion(hits, codes), accuracy),
        "mean IoU": (mean(ious, codes), truth),
        "overall IoU": (ratio(ious * unions, unions, codes), truth),
        "difference of accuracies": (mean(second * 1.0 - first, codes, (-1, 1)), GAIN),
        "difference of mean IoU": (
            mean(ious_of(second, rng) - ious_of(first, rng), codes, (-1, 1)),
            mean_iou(accuracy + GAIN) - truth,
        ),
    }


def coverage(
    count: int, accuracy: float, correlation: float | None, runs: int, seed: int = 0, draw: Callable = simulate
) -> dict[str, float]:
    """Kind -> share of the intervals of `runs` simulated evaluations that hold the truth.

    Kinds for which less than a tenth of the evaluations have an interval are left out.
    """
    kind_of_images = 1000 if correlation is None else round(1000 * correlation)
    rng = np.random.default_rng([seed, count, round(1000 * accuracy), kind_of_images])
    covered: dict[str, list[bool]] = {}
    for _ in range(runs):
        for kind, (estimate, truth) in draw(count, accuracy, correlation, rng).items():
            if estimate.low is not None:
                covered.setdefault(kind, []).append(estimate.low <= truth <= estimate.high)
    return {kind: float(np.mean(held)) for kind, held in covered.items() if len(held) >= runs / 10}


def table(runs: int) -> str:
    """Markdown: per cent of `runs` simulated evaluations covered, by number of expressions and setting."""
    rows = []
    for accuracy, correlation in SETTINGS:
        for count in COUNTS:
            found = coverage(count, accuracy, correlation, runs)
            rows.append(
                [
                    f"{accuracy:.2f}",
                    "one each" if correlation is None else f"{correlation:.2f}",
                    str(count),
                    *(f"{100 * found[kind]:.1f}" if kind in found else "-" for kind in KINDS),
                ]
            )
    return text_table(["accuracy", "correlation", "expressions", *KINDS], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=4000, help="simulated evaluations per row")
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="replace the table in this file")
    args = parser.parse_args()
    text = table(args.runs)
    print(text)
    if args.write:
        page = args.write.read_text(encoding="utf-8")
        block = f"{BEGIN}\n{text}\n{END}"
        args.write.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: block, page, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main()
