"""Convert a checkpoint that a method's authors released into one of ours, or back; or edit a checkpoint of ours.

python tools/convert_checkpoint.py transvg TransVG_unc.pth work_dirs/transvg_unc.pth --config configs/transvg/transvg_r50.py --cfg-options modality=rgb image_size=640
python tools/convert_checkpoint.py transvg work_dirs/mine.pth theirs.pth --to-reference
python tools/convert_checkpoint.py ours work_dirs/hivg_tiny/best.pth merged.pth --merge-lora
python tools/convert_checkpoint.py ours work_dirs/hivg.pth start.pth --split-lora rgb=16 ir=48 --copy-to-thermal
python tools/convert_checkpoint.py peft old_reference.pth new_reference.safetensors --peft 0.7

METHOD names what SOURCE is: a method of the authors, `ours` (edit a checkpoint of this project), or `peft` (rename the tensors of an
authors' checkpoint for another version of peft). `METHOD --help` lists its options.
"""  # noqa: E501

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rgbtvg.cli import add_cfg_options

if TYPE_CHECKING:
    from mmengine.config import Config

CONVERTERS = Path(__file__).parents[1] / "checkpoints" / "converters"
KEPT_CONFIG = ("merge_lora", "two_streams", "image_size")
"""Edits after which the checkpoint's config, adjusted, still describes the model."""


def positive(text: str) -> int:
    """A positive integer."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, got {text}")
    return int(text)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    methods = parser.add_subparsers(dest="method", metavar="METHOD", required=True)
    for file in sorted(CONVERTERS.glob("[a-z]*.py")):
        command = _add_command(methods, file.stem, f"convert a released checkpoint of {file.stem}")
        _add_config(command)
        command.add_argument("--to-reference", action="store_true", help="convert ours back to the authors' names")
    _add_edits(_add_command(methods, "ours", "edit a checkpoint of this project"))
    command = _add_command(methods, "peft", "rename the tensors of an authors' checkpoint for another peft")
    command.add_argument("--peft", choices=("0.3", "0.7"), required=True, help="version whose names to write")
    command.add_argument(
        "--wrappers", type=positive, default=1, help="number of base_model.model. prefixes (default 1)"
    )
    command.add_argument(
        "--peft-targets",
        nargs="+",
        default=(),
        choices=("self_attn", "cross_attn"),
        help="attentions that the reader adapts, for a file without LoRA; --peft 0.7 gives their Linears a base_layer",
    )
    return parser.parse_args()


def _add_command(methods: Any, name: str, text: str) -> argparse.ArgumentParser:
    command = methods.add_parser(name, help=text, description=text)
    command.add_argument("source", help="checkpoint to read")
    command.add_argument("target", help="checkpoint to write (.pth or .safetensors)")
    return command


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", help="our config: names and shapes are checked against it, and the file keeps it")
    add_cfg_options(command)


def _add_edits(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", help="config of SOURCE, for a file that has none")
    add_cfg_options(command)
    command.add_argument(
        "--merge-lora", nargs="?", const="", metavar="GROUP", help="add a LoRA group to the weights, drop all groups"
    )
    command.add_argument("--alpha", type=float, help="LoRA alpha of --merge-lora, for a file without a config")
    command.add_argument("--split-lora", nargs="+", metavar="GROUP=RANK", help="replace the LoRA group by several")
    command.add_argument(
        "--copy-to-thermal",
        nargs="*",
        choices=("guide", "level_proj", "image_proj"),
        help="copy these modules for thermal (none named: all three)",
    )
    command.add_argument("--two-streams", action="store_true", help="repeat the joint positions of RGB for thermal")
    command.add_argument(
        "--widen-projections", action="store_true", help="widen the projections of FAOA or ReSC to RGB and thermal"
    )
    command.add_argument(
        "--image-size", type=positive, metavar="PIXELS", help="resample the position table of the image size"
    )


def ranks_of(items: list[str]) -> dict[str, int]:
    """``['rgb=16', 'ir=48']`` as a dict."""
    from rgbtvg.errors import ConfigError

    matches = [re.fullmatch(r"(\w+)=(\d+)", item) for item in items]
    ranks = {match[1]: int(match[2]) for match in matches if match}
    if len(ranks) < len(items):
        raise ConfigError(f"--split-lora takes GROUP=RANK, each group once, got {' '.join(items)}")
    return ranks


def edits_of(args: argparse.Namespace, config: "Config | None") -> dict[str, Callable]:
    """The requested operations by option, in the order in which they apply.

    Raises:
        ConfigError: no operation is requested, or --alpha contradicts the config.
    """
    from rgbtvg.checkpoints import surgery
    from rgbtvg.checkpoints.operate import merge_lora
    from rgbtvg.errors import ConfigError

    edits: dict[str, Callable] = {}
    if args.merge_lora is not None:
        edits["merge_lora"] = partial(merge_lora, group=args.merge_lora or None, alpha=args.alpha, config=config)
    elif args.alpha is not None:
        raise ConfigError("--alpha belongs to --merge-lora")
    if args.split_lora:
        edits["split_lora"] = partial(surgery.split_lora, ranks=ranks_of(args.split_lora))
    if args.copy_to_thermal is not None:
        modules = args.copy_to_thermal or tuple(surgery.PER_STREAM)
        edits["copy_to_thermal"] = partial(surgery.copy_to_thermal, modules=modules)
    if args.two_streams:
        edits["two_streams"] = surgery.double_image_rows
    if args.widen_projections:
        edits["widen_projections"] = surgery.widen_projections
    if args.image_size:
        known = {} if config is None else {"old_size": config.get("image_size"), "num_words": config.get("max_length")}
        edits["image_size"] = partial(surgery.resize_positions, image_size=args.image_size, **known)
    return edits


def edit(args: argparse.Namespace) -> None:
    """Apply the requested operations to a checkpoint of ours."""
    from rgbtvg.checkpoints.operate import edit_file
    from rgbtvg.engine import parse_options
    from rgbtvg.engine.checkpoint_config import config_of_weights
    from rgbtvg.engine.config import override

    config = config_of_weights(args.source, args.config, parse_options(args.cfg_options))
    edits = edits_of(args, config)
    kept = config if set(edits) <= set(KEPT_CONFIG) else None
    if kept is not None:
        changes = {"merge_lora": ("model.adapter", None), "two_streams": ("modality", "rgbt")}
        changes["image_size"] = ("image_size", args.image_size)
        kept = override(kept, dict(changes[name] for name in edits))
    written = edit_file(args.source, args.target, edits.values(), kept)
    print(f"wrote {args.target}: {written} tensors after {len(edits)} operations")
    if kept is None:
        print("  it has no config: load it with --load-from together with the config of its new model")


def tell_thermal(state: dict) -> None:
    """Report whether the thermal adapter was trained; one reference gives it no gradient."""
    from rgbtvg.checkpoints.surgery import thermal_norm

    norm = thermal_norm(state)
    if norm is not None:
        print(f"thermal adapter: norm {norm:.4g}" if norm else "thermal adapter: norm 0.000: it was never trained")


def convert(args: argparse.Namespace) -> None:
    """Convert a checkpoint of a method's authors, or one of ours back."""
    from rgbtvg.checkpoints.convert import convert_file, restore_file
    from rgbtvg.engine import load_config, parse_options
    from rgbtvg.errors import ConfigError

    if args.cfg_options and not args.config:
        raise ConfigError("--cfg-options overrides a config: name it with --config")
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


def main() -> None:
    args = parse_args()
    if args.method == "ours":
        edit(args)
    elif args.method == "peft":
        from rgbtvg.checkpoints.operate import rename_peft_file

        written = rename_peft_file(args.source, args.target, args.peft, args.wrappers, args.peft_targets)
        print(f"wrote {args.target}: {written} tensors in the layout of peft {args.peft}")
    else:
        convert(args)
