"""Accuracy under faults of the cameras: missing, misaligned, and corrupted RGB or thermal images."""

from rgbtvg.cli import run
from rgbtvg.commands import robustness

if __name__ == "__main__":
    run(robustness.main)
