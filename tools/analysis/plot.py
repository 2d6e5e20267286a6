"""Draw figures for a paper: curves of training runs, or bars of test results by condition."""

from rgbtvg.cli import run
from rgbtvg.commands import plot

if __name__ == "__main__":
    run(plot.main)
