"""Arguments and error handling shared by the command lines; importing it is cheap."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rgbtvg.errors import ConfigError, RGBTVGError


class _Config(argparse.Action):
    """The config, given by its place or by ``--config``."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        if getattr(namespace, self.dest, None) not in (None, values):
            parser.error(f"two configs are given: {getattr(namespace, self.dest)} and {values}")
        setattr(namespace, self.dest, values)


def add_config(parser: argparse.ArgumentParser, text: str = "config file") -> None:
    """CONFIG as a positional argument or as ``--config CONFIG``; both are optional, see :func:`parse`."""
    parser.add_argument("config", nargs="?", action=_Config, default=argparse.SUPPRESS, help=text)
    parser.add_argument("--config", action=_Config, default=None, metavar="CONFIG", help="the same")


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line, for a command that needs the config of :func:`add_config`."""
    args = parse_overrides(parser)
    if args.config is None:
        parser.error("the following arguments are required: config")
    return args


def parse_overrides(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line; every KEY=VALUE outside of an option is one of ``--cfg-options``."""
    args, rest = parser.parse_known_args()
    unknown = [word for word in rest if word.startswith("-") or "=" not in word]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if "=" in (args.config or "") and not os.path.exists(args.config):  # the first of them, without a config
        rest, args.config = [args.config, *rest], None
    args.cfg_options = [*args.cfg_options, *rest]
    return args


def check_weights_named(parser: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.Namespace:
    """The arguments, which must name a checkpoint or the config of a model that reads its own weights."""
    if args.config is None and args.load_from is None:
        parser.error("name a checkpoint (--load-from CHECKPOINT), a config of a zero-shot model, or both")
    return args


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """``--cfg-options KEY=VALUE ...``, for :func:`rgbtvg.engine.parse_options`."""
    parser.add_argument(
        "--cfg-options",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="overrides of existing config values, such as modality=ir lr=1e-4; +KEY=VALUE adds a new one",
    )


def add_row_filters(parser: argparse.ArgumentParser) -> None:
    """``--split`` and ``--where``, for :func:`conditions` and :func:`rgbtvg.visualization.select_rows`."""
    parser.add_argument("--split", help="split or subset such as testA; all by default")
    parser.add_argument("--where", nargs="*", default=[], metavar="CONDITION=VALUE", help="only samples of this kind")


def conditions(words: Sequence[str]) -> dict[str, str]:
    """Parse ``--where``.

    Raises:
        ConfigError: a word is not ``CONDITION=VALUE``.
    """
    for word in words:
        if "=" not in word:
            raise ConfigError(f"--where takes CONDITION=VALUE, got {word!r}")
    return dict(word.split("=", 1) for word in words)


def command_words() -> list[str]:
    """The command line of this process, as it is typed again: ``rgbtvg train ...`` or ``python tools/train.py ...``."""
    script, *words = sys.argv
    if script.startswith("rgbtvg "):
        return [*script.split(), *words]
    return ["python", script, *words]


def run(main: Callable[[], None]) -> None:
    """Call `main`; an error that the user can act on is printed as its one sentence, with exit status 1."""
    try:
        main()
    except RGBTVGError as error:
        print(f"error: {error_message(error)}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.filename is None:  # not about a file that the user names
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def error_message(error: RGBTVGError) -> str:
    """The sentence of an error, also where a data loader's worker process wrapped it in its traceback."""
    text = str(error).strip()
    if "Original Traceback" not in text:
        return text
    return text.splitlines()[-1].split(": ", 1)[-1]
