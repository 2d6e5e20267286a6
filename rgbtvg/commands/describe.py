"""Describe one data set, or compare two: sentences, boxes, categories, conditions, empty borders, misalignment.

Takes what check.py takes. Prints a table and writes description.html and description.json.

python tools/data/describe.py data/synthetic
python tools/data/describe.py data/rgbt_ground/splits/rgbtvg_flir data/rgbt_ground/splits/rgbtvg_m3fd
python tools/data/describe.py mine.jsonl configs/quickstart/quickstart.py --split train
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", metavar="CONFIG|PATH", help="one or two, as of check.py")
    parser.add_argument("--data-root", help="folder of the images, where it is not found beside the annotations")
    parser.add_argument("--split", help="rows of this split or subset only")
    parser.add_argument("--out", help="folder to write to (default: work_dirs/description/<data sets>)")
    parser.add_argument("--workers", type=int, help="processes (default: one per CPU core); the result is the same")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.errors import ConfigError
    from rgbtvg.inspection.description import Description, describe, text_of, write_description
    from rgbtvg.inspection.sources import read_source
    from rgbtvg.inspection.survey import survey

    if len(args.data) > 2:
        raise ConfigError(f"describe.py compares two data sets at most, got {len(args.data)}")
    descriptions: list[Description] = []
    for path in args.data:
        source = read_source(path, args.data_root)
        if args.split is not None:
            source = source.of_split(args.split)
        name = source.name if source.name not in [other.name for other in descriptions] else f"{source.name} (2)"
        descriptions.append(describe(name, survey(source, args.workers)))
    folder = Path(args.out or Path("work_dirs", "description", "_".join(one.name for one in descriptions)))
    folder.mkdir(parents=True, exist_ok=True)
    write_description(descriptions, folder)
    print(text_of(descriptions))
    print(f"description.html and description.json are in {folder}")
