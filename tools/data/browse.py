"""Look at data: a local page (search, RGB, thermal, blended), or with --sheet one image of many pairs."""

from rgbtvg.cli import run
from rgbtvg.commands import browse

if __name__ == "__main__":
    run(browse.main)
