"""Convert a checkpoint that a method's authors released into one of ours, or back.

python tools/convert_checkpoint.py transvg TransVG_unc.pth work_dirs/transvg_unc.pth --config configs/transvg/transvg_r50_refcoco.py
python tools/convert_checkpoint.py transvg work_dirs/mine.pth theirs.pth --to-reference
"""  # noqa: E501

import argparse

from rgbtvg.engine.cli import run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", help="name of the method, as in rgbtvg/checkpoints/converters/")
    parser.add_argument("source", help="checkpoint to read")
    parser.add_argument("target", help="checkpoint to write (.pth or .safetensors)")
    parser.add_argument("--config", help="our config: names and shapes are checked, and the file carries it")
    parser.add_argument("--cfg-options", nargs="*", default=[], metavar="KEY=VALUE", help="overrides of the config")
    parser.add_argument("--to-reference", action="store_true", help="from ours to the reference's names")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.checkpoints.convert import convert_file, restore_file
    from rgbtvg.engine.config import load_config

    if args.to_reference:
        restore_file(args.method, args.source, args.target)
        print(f"wrote {args.target}")
        return
    config = load_config(args.config, args.cfg_options) if args.config else None
    converted = convert_file(args.method, args.source, args.target, config)
    print(f"wrote {args.target}: {len(converted.state)} tensors")
    for name, reason in converted.idle.items():
        print(f"  left out {name}: {reason}")


if __name__ == "__main__":
    run_command(main)
