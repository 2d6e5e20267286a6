"""Write a resized copy of a data set with its records: training decodes the smaller files faster.

python tools/data/resize.py data/rgbt_ground/splits/rgbtvg_flir --size 448 --out data/flir_448
python tools/train.py configs/transvg/transvg_r50.py --cfg-options data=json_lines data_root=data/flir_448 split_root=data/flir_448 dataset=rgbtvg_flir

Twice the input size of the network leaves enough for crops. Test on the original images.
"""  # noqa: E501

import argparse
from pathlib import Path

from rgbtvg.cli import add_cfg_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a config, a folder of annotations, a .pth or .jsonl file")
    parser.add_argument("--out", type=Path, required=True, help="folder for the images and <dataset>.jsonl")
    parser.add_argument("--size", type=int, required=True, help="long side in pixels; smaller images keep their size")
    parser.add_argument("--image-root", type=Path, help="folder that the image paths are relative to")
    parser.add_argument("--workers", type=int, default=4, help="processes (default %(default)s)")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from rgbtvg.datasets.canonical import write_records
    from rgbtvg.datasets.conversion.resizing import resize_records
    from rgbtvg.engine import parse_options
    from rgbtvg.errors import DataError
    from rgbtvg.inspection.sources import read_source

    source = read_source(args.source, args.image_root, parse_options(args.cfg_options))
    if source.errors:
        raise DataError(f"{source.errors[0].message} ({len(source.errors)} faults; tools/data/check.py lists them)")
    is_canonical = Path(args.source).suffix == ".jsonl"
    root = args.image_root or (Path(args.source).parent if is_canonical else source.image_root)
    total = len({tuple(sorted(record["image_paths"].items())) for record in source.records})
    with Progress("images", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task("images", total=total)
        records = resize_records(
            source.records, root, args.out, args.size, args.workers, lambda: progress.advance(task)
        )
    for name in dict.fromkeys(record["dataset"] for record in records):
        path = args.out / f"{name}.jsonl"
        count = write_records(path, [record for record in records if record["dataset"] == name], args.out)
        print(f"{path}: {count} records")
