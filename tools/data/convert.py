"""Detection sets to canonical records, and any data set to the format of another tool. Images are never copied."""

from rgbtvg.cli import run
from rgbtvg.commands import convert

if __name__ == "__main__":
    run(convert.main)
