"""Propose boxes for photos that have none, with an open-vocabulary detector.

python tools/data/detect.py photos/rgb photos/ir --categories person car --weights pretrain_weights/grounding-dino-base --out photos/boxes.csv
python tools/data/detect.py photos/rgb --categories person --config configs/zero_shot/owlv2.py --out photos/boxes.csv

RGB and THERMAL are folders whose images have equal names up to the suffix; - stands for a camera that is not read.
OUT is a CSV file for tools/data/convert.py --from csv. Look at the boxes before they are used: tools/data/review.py.
"""  # noqa: E501

from __future__ import annotations

import argparse
from pathlib import Path

from rgbtvg.cli import add_cfg_options

CONFIG = "configs/zero_shot/grounding_dino.py"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rgb", metavar="RGB", help="folder of RGB images, or -")
    parser.add_argument("thermal", metavar="THERMAL", nargs="?", default="-", help="folder of thermal images, or -")
    parser.add_argument("--categories", nargs="+", required=True, help="what to look for, such as person car")
    parser.add_argument("--out", type=Path, required=True, help="CSV file of the boxes")
    parser.add_argument("--config", default=CONFIG, help="zero-shot config of the detector (default: %(default)s)")
    parser.add_argument("--weights", metavar="FOLDER", help="folder of the detector (default: that of the config)")
    parser.add_argument("--min-score", type=float, default=0.35, help="drop boxes below it (%(default)s)")
    parser.add_argument(
        "--max-overlap", type=float, default=0.7, help="IoU from which two boxes are one object (%(default)s)"
    )
    parser.add_argument("--device", help="such as cuda:1 or cpu; default: a GPU if there is one")
    add_cfg_options(parser)
    args = parser.parse_args()
    if args.rgb == args.thermal == "-":
        parser.error("name a folder of RGB images, of thermal images, or both")
    return args


def main() -> None:
    args = parse_args()
    from rich.progress import track

    from rgbtvg import GroundingInferencer
    from rgbtvg.annotation.detection import detect, write_boxes
    from rgbtvg.datasets.image_folder import image_pairs
    from rgbtvg.engine import parse_options

    rgb, thermal = (None if folder == "-" else folder for folder in (args.rgb, args.thermal))
    pairs = image_pairs(rgb, thermal)
    options = {"modality": "rgbt" if rgb and thermal else "rgb" if rgb else "ir"}
    if args.weights:
        options["weights"] = args.weights
    find = GroundingInferencer(args.config, device=args.device, options={**options, **parse_options(args.cfg_options)})
    found = detect(find, track(pairs, "detecting"), args.categories, args.min_score, args.max_overlap)
    boxes, images = write_boxes(args.out, found)
    print(f"{args.out}: {boxes} boxes in {images} of {len(pairs)} images")
