"""Propose boxes for photos that have none, with an open-vocabulary detector."""

from rgbtvg.cli import run
from rgbtvg.commands import detect

if __name__ == "__main__":
    run(detect.main)
