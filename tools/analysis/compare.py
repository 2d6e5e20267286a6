"""Compare runs on the same samples, by split and condition, with paired 95 % intervals and tests."""

from rgbtvg.cli import run
from rgbtvg.commands import compare

if __name__ == "__main__":
    run(compare.main)
