"""Draw figures for a paper: curves of training runs, or bars of test results by condition.

python tools/analysis/plot.py curves rgbt=work_dirs/rgbt rgb=work_dirs/rgb --out curves.pdf
python tools/analysis/plot.py curves work_dirs/rgbt --names loss lr grounding/miou --smooth 10 --out curves.png
python tools/analysis/plot.py bars rgbt=work_dirs/rgbt/test rgb=work_dirs/rgb/test --by lighting --out lighting.svg
"""

import argparse


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    curves = kinds.add_parser("curves", help="logged scalars of training runs")
    curves.add_argument("runs", nargs="+", metavar="[NAME=]FOLDER", help="work dirs of training runs")
    curves.add_argument("--names", nargs="+", default=[], help="scalars (default: loss and the validation score)")
    curves.add_argument("--smooth", type=int, default=1, metavar="N", help="average each point with N - 1 before it")
    bars = kinds.add_parser("bars", help="test results by condition, with 95 %% intervals")
    bars.add_argument("runs", nargs="+", metavar="[NAME=]PATH", help="results.json, or a folder with one below it")
    bars.add_argument("--metric", default="acc@0.5", help="metric in the results (default: acc@0.5)")
    bars.add_argument("--by", default="subset", help="subset, dataset, words, or a condition (default: subset)")
    bars.add_argument("--split", default="test", help="split of the samples (default: test)")
    for kind in (curves, bars):
        kind.add_argument("--out", required=True, metavar="FILE", help="figure to write: .png, .svg or .pdf")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.evaluation import EvaluationResult
    from rgbtvg.evaluation.plots import draw_bars, draw_curves, find_results, save_figure

    runs = {name or path: path for name, _, path in (run.rpartition("=") for run in args.runs)}
    if args.kind == "curves":
        figure = draw_curves(runs, args.names, args.smooth)
    else:
        results = {name: EvaluationResult.load(find_results(path)) for name, path in runs.items()}
        figure = draw_bars(results, args.metric, args.by, args.split)
    save_figure(figure, args.out)
    print(f"The figure: {args.out}")
