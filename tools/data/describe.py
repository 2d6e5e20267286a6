"""Describe one data set, or compare two."""

from rgbtvg.cli import run
from rgbtvg.commands import describe

if __name__ == "__main__":
    run(describe.main)
