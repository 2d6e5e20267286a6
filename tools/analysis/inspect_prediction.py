"""Find out why a box is wrong: one page and one line of JSON per sample."""

from rgbtvg.cli import run
from rgbtvg.commands import inspect_prediction

if __name__ == "__main__":
    run(inspect_prediction.main)
