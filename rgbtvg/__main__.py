"""The command ``rgbtvg NAME ...``; also ``python -m rgbtvg NAME ...``, for torchrun."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from rgbtvg.cli import run
from rgbtvg.version import __version__

GROUPS = {
    "Models": {
        "demo": ("demo", "an answer of the model that comes with the package"),
        "train": ("train", "train a method"),
        "test": ("test", "test a checkpoint on every split and condition"),
        "predict": ("demo", "find the object that an expression means in a pair"),
        "serve": ("web_demo", "the same on a local web page"),
        "export": ("export", "write ONNX or a torch.export program"),
        "convert-checkpoint": ("convert_checkpoint", "convert the authors' checkpoints, or edit one of ours"),
    },
    "Results": {
        "report": ("report", "write one HTML file about runs"),
        "compare": ("compare", "compare runs with paired intervals and tests"),
        "score": ("score", "score boxes that another program predicted"),
        "calibrate": ("calibrate", "calibrate the scores of a tested model"),
        "robustness": ("robustness", "accuracy with missing, misaligned and faulty cameras"),
        "audit": ("audit", "which camera and which words the boxes depend on"),
        "draw": ("draw_predictions", "draw saved predictions"),
        "inspect": ("inspect_prediction", "find out why a box is wrong"),
        "plot": ("plot", "curves and bars for a paper"),
        "sweep": ("sweep", "train and test every row of a table of models"),
        "benchmark": ("benchmark", "time, memory and operations of configs"),
        "benchmark-loading": ("benchmark_loading", "pairs per second through a training pipeline"),
    },
    "Data": {
        "align": ("align", "align thermal images with those of an RGB camera"),
        "check": ("check", "read every row and image and report what is wrong"),
        "describe": ("describe", "what a data set is like, and how two differ"),
        "browse": ("browse", "look at data on a local web page"),
        "convert": ("convert", "read and write the formats of other tools"),
        "detect": ("detect", "propose boxes for photos that have none"),
        "annotate": ("annotate", "propose expressions with a vision-language model"),
        "review": ("review", "accept, edit or reject expressions"),
        "resize": ("resize", "write a resized copy of a data set"),
        "statistics": ("measure_statistics", "mean and standard deviation of the pixels"),
        "make-synthetic": ("make_synthetic", "generate the synthetic set"),
        "prepare-rgbt-ground": ("prepare_rgbt_ground", "unpack and check RGBT-Ground"),
        "convert-tokenizer": ("convert_tokenizer", "convert a SentencePiece model"),
    },
    "Project": {
        "configs": ("configs", "list, search and copy configs"),
        "doctor": ("doctor", "versions, devices, and what is missing"),
    },
}
"""Group -> command -> (module in ``rgbtvg/commands``, what it does)."""
COMMANDS = {name: module for group in GROUPS.values() for name, (module, _) in group.items()}


def usage() -> str:
    """The text of ``rgbtvg --help``."""
    lines = ["usage: rgbtvg COMMAND ...", "", "Toolbox and benchmark for RGB-Thermal visual grounding."]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<20} {text}" for name, (_, text) in commands.items())]
    return "\n".join([*lines, "", "rgbtvg COMMAND --help explains a command; rgbtvg --version prints the version."])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments (default: those of the process) name."""
    name, *rest = [*(sys.argv[1:] if arguments is None else arguments)] or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
    elif name == "--version":
        print(__version__)
    elif name in COMMANDS:
        sys.argv = [f"rgbtvg {name}", *rest]
        run(importlib.import_module(f"rgbtvg.commands.{COMMANDS[name]}").main)
    else:
        import difflib

        near = difflib.get_close_matches(name, COMMANDS, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; rgbtvg --help lists the commands"
        print(f"error: there is no command {name!r}{hint}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
