"""Accuracy under faults of the cameras: missing, misaligned, and corrupted RGB or thermal images.

Prints acc@0.5 by kind and severity, and by condition; writes robustness.json, curves.png, and for each family a
strip of pictures that shows every kind at every severity on one pair.

python tools/analysis/robustness.py --load-from work_dirs/quickstart/best.pth
python tools/analysis/robustness.py --load-from work_dirs/quickstart/best.pth --kinds thermal fog --severities 1 3
"""

import argparse

from rgbtvg.commands._evaluated_model import add_model_arguments, model_arguments, results_folder


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument(
        "--kinds",
        nargs="*",
        default=[],
        help="corruptions, their families (missing, misalignment, rgb, thermal), or lag (default: all but lag)",
    )
    parser.add_argument("--severities", nargs="+", type=int, default=[1, 2, 3, 4, 5], help="from 1 to 5 (default: all)")
    parser.add_argument("--by", default="lighting", metavar="CONDITION", help="of the second table (default: lighting)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.analysis.evaluated_model import open_model
    from rgbtvg.analysis.figures import draw_robustness, draw_strips
    from rgbtvg.analysis.robustness import corruptions_of, measure_robustness
    from rgbtvg.evaluation.plots import save_figure

    corruptions = corruptions_of(args.kinds)
    model = open_model(**model_arguments(args))
    result = measure_robustness(model, args.kinds, args.severities)
    out = results_folder(args, "robustness")
    result.save(out / "robustness.json")
    print(result.table(), result.table_by(args.by), sep="\n\n")
    if result.skipped:
        print(f"Left out, for the model does not read that camera: {', '.join(result.skipped)}")
    save_figure(draw_robustness(result.records), out / "curves.png")
    for family, sheet in draw_strips(model, corruptions).items() if corruptions else ():
        sheet.save(out / f"strip_{family}.jpg", quality=88)
    print(f"Results and pictures: {out}")
