"""Train a method: python tools/train.py CONFIG."""

from rgbtvg.cli import run
from rgbtvg.commands import train

if __name__ == "__main__":
    run(train.main)
