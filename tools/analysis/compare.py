"""Compare runs on the same samples, by split and condition, with paired 95 % intervals.

A run is a predictions.json, or a folder with one below it. The first name is what the others are compared with; a name
given several times (or several paths after it) stands for the seeds of one model.

python tools/analysis/compare.py work_dirs/rgbt/test work_dirs/rgb/test
python tools/analysis/compare.py rgbt=work_dirs/rgbt_seed0 rgbt=work_dirs/rgbt_seed1 rgb=work_dirs/rgb_seed0,work_dirs/rgb_seed1
"""  # noqa: E501

import argparse

from rgbtvg.cli import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="[NAME=]PATH[,PATH...]", help="two names or more")
    parser.add_argument("--metric", default="acc@0.5", choices=["acc@0.5", "acc@0.75", "miou", "pr@f1"])
    parser.add_argument("--split", help="only the groups of this split")
    parser.add_argument("--resamples", type=int, default=10_000, help="size of the bootstrap")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--out", metavar="FILE.json", help="also write everything there")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.evaluation import compare_runs, load_runs

    comparison = compare_runs(load_runs(args.runs), args.metric, args.resamples, args.seed, args.split)
    print(comparison.table())
    if args.out:
        comparison.to_json(args.out)


if __name__ == "__main__":
    run(main)
