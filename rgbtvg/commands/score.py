"""Score boxes that any program predicted, under this protocol: same samples, same metrics, same tables.

FILE is .csv, .json or .jsonl. Its rows name a sample (sample_id, or image and expression) and give a box: x1, y1, x2,
y2 in pixels of the original image, or with --normalised in fractions of its size. CONFIG says which data was asked. A
faulty file is not scored; every fault is printed in a sentence of its own.

python tools/analysis/score.py predicted.csv configs/quickstart/quickstart.py
python tools/analysis/score.py boxes.jsonl configs/hivg/hivg_b16.py --normalised --out work_dirs/theirs \\
    --cfg-options dataset=rgbtvg_m3fd
"""

import argparse
from pathlib import Path

from rgbtvg.cli import add_cfg_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE", help="predicted boxes")
    parser.add_argument("config", metavar="CONFIG", help="config whose test data the boxes are for")
    parser.add_argument("--splits", nargs="+", default=[], help="splits that the file is about (default: the config's)")
    parser.add_argument("--normalised", action="store_true", help="boxes are fractions of the image's width and height")
    parser.add_argument(
        "--metric",
        default="GroundingMetric",
        choices=["GroundingMetric", "GRECMetric"],
        help="default: GroundingMetric",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="write predictions and results there, as test.py does"
    )
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.engine import load_config, parse_options
    from rgbtvg.evaluation.external import detectable_differences, records_of, score_file
    from rgbtvg.registry import METRICS

    config = load_config(args.config, parse_options(args.cfg_options))
    records = records_of(config.test_dataloader.dataset.to_dict(), args.splits)
    metric = METRICS.build({"type": args.metric})
    result, rows = score_file(args.file, records, metric, args.normalised)
    print(result.table())
    print(detectable_differences(rows))
    if args.out:
        metric.write(result, rows, args.out)
