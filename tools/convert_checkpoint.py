"""Convert a checkpoint that a method's authors released into one of ours, or back.

python tools/convert_checkpoint.py transvg TransVG_unc.pth work_dirs/transvg_unc.pth --config configs/transvg/transvg_r50.py --cfg-options modality=rgb image_size=640
python tools/convert_checkpoint.py transvg work_dirs/mine.pth theirs.pth --to-reference

Surgery on the CLIP-based methods follows the conversion, in the order of the options below; METHOD `ours` converts nothing:

python tools/convert_checkpoint.py hivg best_checkpoint.pth start.pth --merge-lora --two-streams
python tools/convert_checkpoint.py ours work_dirs/hivg.pth start.pth --split-lora rgb=16 ir=48 --copy-to-thermal
python tools/convert_checkpoint.py ours start.pth start_640.pth --image-size 640 --streams 2
python tools/convert_checkpoint.py peft old_reference.pth new_reference.safetensors --peft 0.7
python tools/convert_checkpoint.py peft merged_reference.pth merged_peft_0.7.pth --peft 0.7 --peft-targets self_attn cross_attn
"""  # noqa: E501

import argparse
import re
from collections.abc import Callable
from functools import partial

from rgbtvg.cli import add_cfg_options, run


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text}")
    return int(text)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", help="name of the method, as in rgbtvg/checkpoints/converters/")
    parser.add_argument("source", help="checkpoint to read")
    parser.add_argument("target", help="checkpoint to write (.pth or .safetensors)")
    parser.add_argument("--config", help="our config: names and shapes are checked, and the file carries it")
    add_cfg_options(parser)
    parser.add_argument("--to-reference", action="store_true", help="from ours to the reference's names")
    surgery = parser.add_argument_group("surgery")
    surgery.add_argument(
        "--merge-lora", nargs="?", const="", metavar="GROUP", help="fold a LoRA group into the weights"
    )
    surgery.add_argument("--alpha", type=float, default=16.0, help="of the merged LoRA (default 16)")
    surgery.add_argument("--split-lora", nargs="+", metavar="GROUP=RANK", help="make these LoRA groups out of one")
    surgery.add_argument("--split-from", metavar="GROUP", help="which one, where a file has several")
    surgery.add_argument(
        "--copy-to-thermal",
        nargs="*",
        choices=("guide", "level_proj", "image_proj"),
        help="a copy of these modules for thermal (named none: of all three; give it last)",
    )
    surgery.add_argument("--two-streams", action="store_true", help="repeat the patches' joint positions for thermal")
    surgery.add_argument(
        "--widen-projections", action="store_true", help="let FAOA's or ReSC's projections take RGB and thermal"
    )
    surgery.add_argument("--image-size", type=positive, metavar="PIXELS", help="resample the joint position table")
    surgery.add_argument("--clip-table", action="store_true", help="with --image-size: CLIP's own table too")
    surgery.add_argument("--patch-size", type=positive, default=16, help="for --image-size (default 16)")
    surgery.add_argument(
        "--streams", type=positive, default=1, help="side by side in the file, for --image-size (default 1)"
    )
    surgery.add_argument("--peft", choices=("0.3", "0.7"), help="METHOD peft: names as this version writes them")
    surgery.add_argument(
        "--wrappers", type=positive, default=1, help="prefixes base_model.model. for --peft (default 1)"
    )
    surgery.add_argument(
        "--peft-targets",
        nargs="+",
        default=(),
        choices=("self_attn", "cross_attn"),
        help="for --peft 0.7 of a file without LoRA (merged, say): attentions of CLIP that the reader adapts, whose "
        "Linears get a base_layer",
    )
    return parser.parse_args()


def ranks_of(items: list[str]) -> dict[str, int]:
    """``['rgb=16', 'ir=48']`` as a dict."""
    from rgbtvg.errors import ConfigError

    matches = [re.fullmatch(r"(\w+)=(\d+)", item) for item in items]
    ranks = {match[1]: int(match[2]) for match in matches if match}
    if len(ranks) < len(items):
        raise ConfigError(f"--split-lora takes GROUP=RANK, each group once, got {' '.join(items)}")
    return ranks


def check_options(args: argparse.Namespace) -> None:
    """Refuse options that would be left out in silence."""
    from rgbtvg.errors import ConfigError

    named = args.merge_lora is not None or args.copy_to_thermal is not None
    surgery = named or any((args.split_lora, args.two_streams, args.widen_projections, args.image_size))
    alone = surgery or args.method == "ours"
    conversion = args.config or args.cfg_options or args.to_reference
    checks = {
        "--config, --cfg-options and --to-reference go with a conversion alone: do the surgery in a second call": (
            alone and conversion
        ),
        "--cfg-options changes a --config, and none is named": args.cfg_options and not args.config,
        "--peft goes with METHOD peft and nothing else but its own options": (
            (args.method == "peft") != bool(args.peft) or (args.peft and (surgery or conversion))
        ),
        "--peft-targets goes with --peft": args.peft_targets and not args.peft,
        "--clip-table goes with --image-size": args.clip_table and not args.image_size,
        "--split-from goes with --split-lora": args.split_from and not args.split_lora,
    }
    for sentence, broken in checks.items():
        if broken:
            raise ConfigError(sentence)


def surgery_of(args: argparse.Namespace) -> list[Callable]:
    """The operations asked for, in their order."""
    from rgbtvg.checkpoints import surgery

    operations: list[Callable] = []
    if args.merge_lora is not None:
        operations.append(partial(surgery.merge_lora, group=args.merge_lora or None, alpha=args.alpha))
    if args.split_lora:
        operations.append(partial(surgery.split_lora, ranks=ranks_of(args.split_lora), source=args.split_from))
    if args.copy_to_thermal is not None:
        modules = args.copy_to_thermal or tuple(surgery.PER_STREAM)
        operations.append(partial(surgery.copy_to_thermal, modules=modules))
    if args.two_streams:
        operations.append(surgery.double_image_rows)
    if args.widen_projections:
        operations.append(surgery.widen_projections)
    if args.image_size:
        sizes = dict(image_size=args.image_size, patch_size=args.patch_size, num_streams=args.streams)
        operations.append(partial(surgery.resize_positions, **sizes, clip_table=args.clip_table))
    return operations


def tell_thermal(state: dict) -> dict:
    """Say whether thermal's adapter has learned; one reference gives it no gradient."""
    from rgbtvg.checkpoints.surgery import thermal_norm

    norm = thermal_norm(state)
    if norm is not None:
        print(f"thermal adapter: norm {norm:.4g}" if norm else "thermal adapter: norm 0.000: it was never trained")
    return state


def main() -> None:
    args = parse_args()
    from rgbtvg.checkpoints.convert import convert_file, restore_file
    from rgbtvg.checkpoints.operate import OURS, operate_file, rename_peft_file
    from rgbtvg.engine import load_config, parse_options

    check_options(args)
    if args.peft:
        written = rename_peft_file(args.source, args.target, args.peft, args.wrappers, args.peft_targets)
        print(f"wrote {args.target}: {written} tensors in the layout of peft {args.peft}")
        return
    operations = surgery_of(args)
    if operations or args.method == OURS:
        before = [] if args.method == OURS else [tell_thermal]
        written = operate_file(args.method, args.source, args.target, [*before, *operations])
        print(f"wrote {args.target}: {written} tensors after {len(operations)} operations")
        return
    if args.to_reference:
        restore_file(args.method, args.source, args.target)
        print(f"wrote {args.target}")
        return
    config = load_config(args.config, parse_options(args.cfg_options)) if args.config else None
    converted = convert_file(args.method, args.source, args.target, config)
    print(f"wrote {args.target}: {len(converted.state)} tensors")
    for name, reason in converted.idle.items():
        print(f"  left out {name}: {reason}")
    tell_thermal(converted.state)


if __name__ == "__main__":
    run(main)
