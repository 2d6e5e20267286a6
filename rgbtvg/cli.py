"""What every command line shares; importing it costs nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rgbtvg.errors import RGBTVGError


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
