"""Find the object that an expression means in an RGB-thermal pair.

python tools/demo.py rgb.png thermal.png "the warm car left of the bus" --load-from work_dirs/quickstart/best.pth --out answer.png
python tools/demo.py - thermal.png "the person at the crossing" --load-from ir_model.pth

``-`` or ``none`` stands for a missing image.
"""  # noqa: E501

import argparse

from rgbtvg.cli import add_cfg_options, add_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rgb", help="RGB image, or -")
    parser.add_argument("thermal", help="thermal image, or -")
    parser.add_argument("expression", help="the expression")
    add_config(parser, "config; default: the one in the checkpoint")
    parser.add_argument("--load-from", required=True, metavar="CHECKPOINT", help="checkpoint or ONNX file to load")
    parser.add_argument("--out", metavar="IMAGE", help="write the drawn result to this file (.png or .jpg)")
    parser.add_argument("--device", help="such as cuda:1 or cpu; default: a GPU if there is one")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg import GroundingInferencer
    from rgbtvg.engine import parse_options

    weights = [args.config, args.load_from] if args.config else [args.load_from]
    inferencer = GroundingInferencer(*weights, device=args.device, options=parse_options(args.cfg_options))
    rgb, thermal = (None if path in ("-", "none") else path for path in (args.rgb, args.thermal))
    result = inferencer(rgb, thermal, args.expression)
    print(result.summary())
    if args.out:
        result.save(args.out)
        print(f"wrote {args.out}")
