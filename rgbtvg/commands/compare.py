"""Compare runs on the same samples, by split and condition, with paired 95 % intervals and tests.

A run is a predictions.json, or a folder with one below it. The other runs are compared with the first. A name that is
given several times (or several paths after it) stands for the seeds of one model. docs/evaluation.md says which of the
printed numbers to quote.

python tools/analysis/compare.py work_dirs/rgbt/test work_dirs/rgb/test
python tools/analysis/compare.py rgbt=work_dirs/rgbt_0 rgbt=work_dirs/rgbt_1 rgb=work_dirs/rgb_0,work_dirs/rgb_1
python tools/analysis/compare.py work_dirs/hivg/test --published
"""

import argparse

METRICS = ["acc@0.5", "acc@0.7", "acc@0.75", "miou", "pr@f1"]
FORMATS = ["text", "markdown", "csv", "latex"]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="[NAME=]PATH[,PATH...]", help="runs; the first is the reference")
    parser.add_argument("--metric", default="acc@0.5", choices=METRICS, help="metric to compare (default: acc@0.5)")
    parser.add_argument("--split", help="compare on this split only")
    parser.add_argument("--format", default="text", choices=FORMATS, help="format of the tables (default: text)")
    parser.add_argument("--published", action="store_true", help="also print published results on the same datasets")
    parser.add_argument("--out", metavar="FILE.json", help="also write everything to this file")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.evaluation import compare_runs, load_runs, published_table

    runs = load_runs(args.runs)
    comparison = compare_runs(runs, args.metric, args.split)
    print(comparison.table(args.format))
    if args.published:
        reference = next(iter(runs.values()))[0]
        print("\n" + published_table(comparison, {row["dataset"] for row in reference.values()}, args.format))
    if args.out:
        comparison.to_json(args.out)
