"""What every command line shares; importing it costs nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from rgbtvg.errors import ConfigError, RGBTVGError


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """``--cfg-options KEY=VALUE ...``, for :func:`rgbtvg.engine.parse_options`."""
    parser.add_argument(
        "--cfg-options",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="overrides of the config, such as modality=ir lr=1e-4",
    )


def add_row_filters(parser: argparse.ArgumentParser) -> None:
    """``--split`` and ``--where``, for :func:`conditions` and :func:`rgbtvg.visualization.select_rows`."""
    parser.add_argument("--split", help="split or subset such as testA; all by default")
    parser.add_argument("--where", nargs="*", default=[], metavar="CONDITION=VALUE", help="only samples of this kind")


def conditions(words: Sequence[str]) -> dict[str, str]:
    """What ``--where`` was given.

    Raises:
        ConfigError: a word is not ``CONDITION=VALUE``.
    """
    for word in words:
        if "=" not in word:
            raise ConfigError(f"--where takes CONDITION=VALUE, got {word!r}")
    return dict(word.split("=", 1) for word in words)


def run(main: Callable[[], None]) -> None:
    """Call `main`; an error that the user can act on is printed as its one sentence, with exit status 1."""
    try:
        main()
    except RGBTVGError as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def sentence(error: RGBTVGError) -> str:
    """The sentence of an error, also where a data loader's worker process wrapped it in its traceback."""
    text = str(error).strip()
    if "Original Traceback" not in text:
        return text
    return text.splitlines()[-1].split(": ", 1)[-1]
