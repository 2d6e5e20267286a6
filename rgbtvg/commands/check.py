"""Check data: read every row and every image once and report what is wrong.

Takes a config with data loaders, a folder of annotations (a data root with `splits`, the folder of splits, that of one
dataset, or one with instances.json and refs.json), an annotation file (.pth) or a canonical one (.jsonl). Writes
report.json, report.html, cleaned.jsonl with the rows worth keeping, dropped.jsonl with the others and the reasons, and
uncertain.jsonl with kept rows whose expression is not sure of its object.
Annotation files are only read.

python tools/data/check.py data/synthetic
python tools/data/check.py configs/clip_vg/clip_vg_b16.py --cfg-options dataset=rgbtvg_m3fd
python tools/data/check.py mine.jsonl --cfg-options box_format=xywh

Exit status: 0 no finding of the severity --fail-on or above, 3 some, 1 the data could not be checked, 2 wrong usage.
"""

import argparse
import sys

from rgbtvg.cli import add_cfg_options

FOUND = 3


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="CONFIG|PATH", help="config, folder, .pth or .jsonl")
    parser.add_argument("--data-root", help="folder of the images, where it is not found beside the annotations")
    parser.add_argument("--out", help="folder to write to (default: work_dirs/data_check/<data set>)")
    parser.add_argument("--fail-on", default="error", choices=["error", "warning", "note"], help="default: error")
    parser.add_argument("--workers", type=int, help="processes (default: one per CPU core); the result is the same")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.engine import parse_options
    from rgbtvg.inspection import check_data

    report = check_data(
        args.data,
        args.out,
        data_root=args.data_root,
        options=parse_options(args.cfg_options),
        workers=args.workers,
    )
    report.print()
    if report.earlier is not None:
        print(f"the earlier report is in {report.earlier}")
    print(f"report.html, report.json and the lists (cleaned, dropped, uncertain) are in {report.folder}")
    print(f"image paths in cleaned.jsonl start from {report.source.image_root}")
    if report.fails_on(args.fail_on):
        sys.exit(FOUND)
