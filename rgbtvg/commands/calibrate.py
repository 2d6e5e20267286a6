"""Calibrate the scores of a tested model on one split, and measure the calibration on the others.

Prints the expected calibration error (ECE, 15 bins) before and after, the area under the risk-coverage curve (AURC) and
the accuracy of the 80 % of samples with the best scores. For predictions of GREC it fits the score threshold instead.

GroundingInferencer, the demos and the export apply the calibration that lies next to a checkpoint.

python tools/analysis/calibrate.py work_dirs/quickstart/test --figure reliability.pdf
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions", help="predictions.json, or a folder with one below it")
    parser.add_argument("--fit-on", default="val", metavar="SPLIT", help="split to fit on (default: val)")
    parser.add_argument(
        "--method", default="temperature", choices=["temperature", "isotonic"], help="default: temperature"
    )
    parser.add_argument(
        "--out", metavar="FILE", help="default: CHECKPOINT.calibration.json, next to the tested checkpoint"
    )
    parser.add_argument("--figure", metavar="FILE", help="reliability diagram to draw: .png, .svg or .pdf")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.apis.calibrated import calibration_path, checkpoint_of_predictions, write_calibration
    from rgbtvg.evaluation.calibration import calibrate
    from rgbtvg.evaluation.plots import draw_reliability, save_figure

    report = calibrate(args.predictions, args.fit_on, args.method)
    print(report.table())
    weights = checkpoint_of_predictions(args.predictions)
    if weights is not None:
        out = write_calibration(report.calibration, weights, args.out)
    else:
        out = Path(args.out or "calibration.json")
        report.calibration.save(out)
    print(f"The calibration: {out}")
    if weights is not None and out == calibration_path(weights):
        print(f"GroundingInferencer applies it to {weights}.")
    if args.figure and report.bins:
        save_figure(draw_reliability(report.bins), args.figure)
