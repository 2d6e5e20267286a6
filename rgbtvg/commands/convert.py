"""Detection sets to canonical records, and any data set to the format of another tool. Images are never copied.

python tools/data/convert.py RAW/M3FD_Detection --from m3fd --out m3fd.jsonl
python tools/data/convert.py boxes.csv --from csv --out mine.jsonl --cfg-options rgb=colour ir=thermal
python tools/data/convert.py expressions.jsonl --image-root RAW/M3FD_Detection --to coco --out m3fd_coco
python tools/data/convert.py data/rgbt_ground --split test --to label-studio --out tasks.json

See docs/data_tools.md for the layouts that are relied on.
"""

import argparse
from collections import Counter
from pathlib import Path

from rgbtvg.cli import add_cfg_options

RAW = ("flir-aligned", "kaist", "llvip", "m3fd", "mfad", "coco", "csv", "yolo")
FORMATS = ("canonical", "coco", "fiftyone", "label-studio", "odvg", "rgbt-ground")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="folder or file of boxes (with --from), or what tools/data/check.py takes: "
                        "a config, a folder of annotations, a .pth or .jsonl file")  # fmt: skip
    parser.add_argument("--from", dest="raw", choices=RAW, help="the detection set, or the format of your own boxes")
    parser.add_argument("--to", default="canonical", choices=FORMATS, help="(default %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="file; folder for coco, fiftyone and rgbt-ground")
    parser.add_argument("--image-root", type=Path, help="folder that image paths are relative to, in SOURCE and in OUT "
                        "(default: the folder of a detection set or of a .jsonl file)")  # fmt: skip
    parser.add_argument("--split", nargs="+", help="only these splits")
    parser.add_argument("--shares", nargs=3, type=int, metavar=("TRAIN", "VAL", "TEST"),
                        help="split anew by image, in percent, the same at every call: --shares 70 10 20")  # fmt: skip
    parser.add_argument("--dataset", help="another name of the set in the records")
    parser.add_argument("--skip-broken", action="store_true", help="count broken annotation files instead of stopping")
    parser.add_argument("--annotations", help="folder of KAIST's annotations where there are several")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.datasets.canonical import category_of, of_splits
    from rgbtvg.datasets.conversion.split_lists import split_by_image
    from rgbtvg.errors import ConfigError
    from rgbtvg.registry import RECORD_WRITERS

    if Path(args.source).resolve() == args.out.resolve():
        raise ConfigError("the result must not replace the source")
    records, image_root = read_detections(args) if args.raw else read_dataset(args)
    if args.split:
        records = of_splits(records, args.split, args.source)
    if args.shares:
        records = split_by_image(records, args.shares)
    if args.dataset:
        records = [{**record, "dataset": args.dataset} for record in records]
    written = RECORD_WRITERS.get(args.to)(args.out, image_root).write(records)
    show("split", Counter(record["split"] for record in records))
    show("category", Counter(category_of(record) for record in records))
    pairs = len({record["image_paths"].get("rgb") or record["sample_id"] for record in records})
    print(f"{len(records)} records about {pairs} images")
    print(f"{args.out}: " + ", ".join(f"{count} {what}" for what, count in written.items()))
    beside = Path(image_root).resolve() == args.out.resolve().parent
    print(f"image paths are relative to {image_root}{'' if beside else ': pass it as --image-root to the next tool'}")


def read_detections(args: argparse.Namespace) -> tuple[list[dict], Path]:
    from rgbtvg.engine import parse_options
    from rgbtvg.errors import ConfigError
    from rgbtvg.registry import DETECTION_READERS

    options = dict(parse_options(args.cfg_options))
    if args.annotations:
        if args.raw != "kaist":
            raise ConfigError("--annotations is for kaist, whose annotations come in several folders")
        options["annotations"] = args.annotations
    if args.image_root and args.raw in ("coco", "csv", "yolo"):
        options["image_root"] = args.image_root
    try:
        reader = DETECTION_READERS.get(args.raw)(args.source, skip_broken=args.skip_broken, **options)
    except TypeError as error:
        raise ConfigError(f"--from {args.raw} has no such option: {error}") from error
    records = reader.read()
    show("left out", reader.left_out)
    show("note", reader.notes)
    folder = Path(args.source)
    return records, args.image_root or (folder if folder.is_dir() else folder.parent)


def read_dataset(args: argparse.Namespace) -> tuple[list[dict], Path]:
    from rgbtvg.engine import parse_options
    from rgbtvg.errors import DataError
    from rgbtvg.inspection.sources import read_source

    source = read_source(args.source, args.image_root, parse_options(args.cfg_options))
    faults = source.errors
    if faults and faults[0].kind == "set":
        raise DataError(faults[0].message)
    if faults and not args.skip_broken:
        raise DataError(f"{faults[0].message} ({len(faults)} faults; --skip-broken leaves them out)")
    source.require_records()
    show("left out", Counter(fault.kind for fault in faults))
    for fault in source.faults:
        if fault.kind in ("left_out", "repair"):
            print(f"{'left out' if fault.kind == 'left_out' else 'note'}: {fault.message}")
    is_canonical = Path(args.source).suffix == ".jsonl"
    return source.records, args.image_root or (Path(args.source).parent if is_canonical else source.image_root)


def show(what: str, counts: Counter) -> None:
    for name, count in counts.most_common():
        print(f"{what}: {count} {name}")
