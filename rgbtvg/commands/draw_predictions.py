"""Draw saved predictions: one page of pairs with expression, truth (green), prediction (cyan) and IoU.

Masks are filled in the prediction's colour and outlined in the truth's, with the true mask beside the pair.
Images are found by the paths that the test used, so run it in the folder that the test was run in.

python tools/analysis/draw_predictions.py work_dirs/quickstart/test/predictions.json --out sheet.png
python tools/analysis/draw_predictions.py work_dirs/oneref_tiny_res/test/mask_predictions.json --order worst
python tools/analysis/draw_predictions.py work_dirs/quickstart --split testB --where lighting="very weak" --order worst
"""

import argparse

from rgbtvg.cli import add_row_filters, conditions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions", help="predictions.json or mask_predictions.json, or a folder with one below it")
    parser.add_argument("--out", default="predictions.png", help="image to write (.png or .jpg)")
    parser.add_argument("--num", type=int, default=16, help="number of samples")
    add_row_filters(parser)
    parser.add_argument("--order", default="random", choices=["random", "worst", "best", "first"])
    parser.add_argument("--seed", type=int, default=0, help="random seed of the choice")
    parser.add_argument("--modality", default="rgbt", choices=["rgb", "ir", "rgbt"], help="which images to draw")
    parser.add_argument(
        "--thermal-normalisation",
        default="dataset",
        metavar="NAME",
        help="see docs/thermal.md",
    )
    parser.add_argument("--width", type=int, default=360, help="width of each image in pixels")
    parser.add_argument("--columns", type=int, default=4, help="samples side by side")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.evaluation import load_predictions
    from rgbtvg.visualization import draw_sheet, save_image, select_rows

    rows = load_predictions(args.predictions)
    matching = select_rows(
        rows.values(),
        split=args.split,
        where=conditions(args.where),
        order=args.order,
        seed=args.seed,
    )
    chosen = matching[: args.num]
    title = f"{args.split or 'all splits'}: {len(chosen)} of {len(matching)} samples"
    sheet = draw_sheet(
        chosen,
        args.modality,
        width=args.width,
        columns=args.columns,
        title=title,
        thermal_normalisation=args.thermal_normalisation,
    )
    save_image(sheet, args.out)
    print(f"wrote {args.out}")
