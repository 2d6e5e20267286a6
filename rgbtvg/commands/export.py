"""Export a trained model to ONNX or to a torch.export program.

python tools/export.py work_dirs/quickstart/best.pth
python tools/export.py work_dirs/quickstart/best.pth --format torch --out model.pt2

`rgbtvg.GroundingInferencer` and `tools/demo.py --load-from` run the ONNX file; `torch.export.load` reads the other one.
Needs the extra `export` (pip install -e .[export]).
"""

import argparse
import warnings
from pathlib import Path

from rgbtvg.cli import add_cfg_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint to export")
    parser.add_argument("--config", help="config of a checkpoint that has none")
    add_cfg_options(parser)
    parser.add_argument("--format", choices=("onnx", "torch"), default="onnx", help="file format (default onnx)")
    parser.add_argument("--out", type=Path, help="file to write; default: that of the checkpoint with .onnx or .pt2")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.apis.export import SUFFIXES, export_checkpoint
    from rgbtvg.engine import parse_options

    # PyTorch warns about its own exporter, several times.
    warnings.filterwarnings("ignore", "_check_is_size", FutureWarning)
    out = args.out or args.checkpoint.with_suffix(SUFFIXES[args.format])
    export_checkpoint(args.checkpoint, out, args.format, args.config, parse_options(args.cfg_options))
    print(f"wrote {out}")
