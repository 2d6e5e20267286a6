"""Arguments that the analyses of a checkpoint share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rgbtvg.cli import add_cfg_options


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Checkpoint, samples and output folder of an analysis, for :func:`model_arguments`."""
    parser.add_argument("--load-from", metavar="CHECKPOINT", help="weights")
    parser.add_argument("--config", help="config file (default: the config in the checkpoint)")
    parser.add_argument("--split", default="test", help="split of the test set (default: test)")
    parser.add_argument("--num", type=int, metavar="N", help="sentences, of images drawn at random (default: all)")
    parser.add_argument("--device", help="such as cuda:1 or cpu; default: a GPU if there is one")
    parser.add_argument("--out", metavar="FOLDER", help="for the results (default: a folder next to the checkpoint)")
    add_cfg_options(parser)


def model_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments of :func:`rgbtvg.analysis.evaluated_model.open_model`, from :func:`add_model_arguments`."""
    from rgbtvg.engine.options import parse_options  # not before the arguments are known to be right

    names = ("config", "split", "num", "device")
    given = {name: getattr(args, name) for name in names}
    return {"checkpoint": args.load_from, "options": parse_options(args.cfg_options), **given}


def results_folder(args: argparse.Namespace, name: str) -> Path:
    """``--out``, or a folder of this name next to the checkpoint, or in that of a config which names its weights."""
    if args.out:
        return Path(args.out)
    return (Path(args.load_from).parent if args.load_from else Path("work_dirs", Path(args.config).stem)) / name
