"""Write a resized copy of a data set with its records: training decodes the smaller files faster."""

from rgbtvg.cli import run
from rgbtvg.commands import resize

if __name__ == "__main__":
    run(resize.main)
