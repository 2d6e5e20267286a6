"""Look at data: a local page (search, RGB, thermal, blended), or with --sheet one image of many pairs.

Give a config with data loaders, a folder in the benchmark's format, an annotation file (.pth) or a canonical one
(.jsonl), as for check.py. The page can be reached from this machine only; Ctrl-C ends it.

python tools/data/browse.py data/synthetic
python tools/data/browse.py configs/quickstart/quickstart.py --augmented --sheet augmented.png
python tools/data/browse.py data/synthetic --sheet dark.png --split test --where lighting="very weak"
"""

import argparse

from rgbtvg.cli import add_cfg_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="CONFIG|PATH", help="config, folder, .pth or .jsonl")
    parser.add_argument("--data-root", help="folder of the images, where it is not found beside the annotations")
    parser.add_argument("--augmented", action="store_true", help="after the config's training pipeline")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the augmentation and of the sheet")
    parser.add_argument("--port", type=int, default=8008, help="port of the page; 0 takes a free one")
    add_cfg_options(parser)
    sheet = parser.add_argument_group("contact sheet")
    sheet.add_argument("--sheet", metavar="FILE", help="write an image (.png or .jpg) instead of serving a page")
    sheet.add_argument("--num", type=int, default=16, help="number of records, chosen at random")
    sheet.add_argument("--columns", type=int, default=4, help="records side by side")
    sheet.add_argument("--width", type=int, default=360, help="width of each image in pixels")
    sheet.add_argument("--search", default="", metavar="TEXT", help="only expressions with these words")
    sheet.add_argument("--split", default="", help="only this split, subset or dataset")
    sheet.add_argument("--where", nargs="*", default=[], metavar="CONDITION=VALUE", help="only records of this kind")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.engine import parse_options
    from rgbtvg.inspection import browse, write_sheet

    chosen = {
        "data_root": args.data_root,
        "options": parse_options(args.cfg_options),
        "augmented": args.augmented,
        "seed": args.seed,
    }
    if args.sheet:
        count = write_sheet(
            args.data,
            args.sheet,
            **chosen,
            num=args.num,
            columns=args.columns,
            width=args.width,
            text=args.search,
            split=args.split,
            where=args.where,
        )
        print(f"wrote {count} records to {args.sheet}")
        return
    with browse(args.data, **chosen, port=args.port) as server:
        print(f"{len(server.index.records)} records at {server.url} (Ctrl-C ends)", flush=True)
        server.serve_forever()
