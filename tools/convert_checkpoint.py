"""Convert a checkpoint that a method's authors released into one of ours, or back; or edit a checkpoint of ours."""

from rgbtvg.cli import run
from rgbtvg.commands import convert_checkpoint

if __name__ == "__main__":
    run(convert_checkpoint.main)
