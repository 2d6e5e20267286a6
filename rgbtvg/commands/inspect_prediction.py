"""Find out why a box is wrong: one page and one line of JSON per sample.

The page shows the pair, the network's input (resized, padded, normalised), its attention maps, the tokens, the true and
the predicted box, and the kind of mistake. The lines are appended to explanations.jsonl.

python tools/analysis/inspect_prediction.py rgbtvg_synthetic/test/000003 --load-from work_dirs/quickstart/best.pth
python tools/analysis/inspect_prediction.py --predictions work_dirs/quickstart/test --worst 5 --where lighting=weak

With --predictions, the tested checkpoint is used. Without samples, the kinds of mistakes are counted. --split and
--where restrict both.
"""

import argparse

from rgbtvg.cli import add_cfg_options, add_row_filters, conditions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help="sample ids, as in predictions.json")
    parser.add_argument("--load-from", metavar="CHECKPOINT", help="weights (default: those that were tested)")
    parser.add_argument("--config", help="config (default: the one of the test, or the one in the checkpoint)")
    parser.add_argument("--predictions", help="predictions.json, or a folder with one below it")
    parser.add_argument("--worst", type=int, metavar="N", help="the N samples of the predictions with the lowest IoU")
    add_row_filters(parser)
    parser.add_argument("--out", default="work_dirs/inspected", metavar="FOLDER", help="default %(default)s")
    parser.add_argument("--width", type=int, default=480, help="width of each image in pixels")
    parser.add_argument("--device", help="such as cuda:1 or cpu; default: a GPU if there is one")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.apis.explained_cases import count_mistakes, inspect_predictions
    from rgbtvg.engine import parse_options

    if args.predictions and not args.samples and args.worst is None:
        print(count_mistakes(args.predictions, args.split, conditions(args.where)))
        return
    explained = inspect_predictions(
        args.samples,
        checkpoint=args.load_from,
        config=args.config,
        predictions=args.predictions,
        worst=args.worst,
        split=args.split,
        where=conditions(args.where),
        out=args.out,
        width=args.width,
        device=args.device,
        options=parse_options(args.cfg_options),
    )
    for path, explanation in explained:
        print(explanation.row["sample_id"], *explanation.lines(), f"wrote {path}", sep="\n  ")
