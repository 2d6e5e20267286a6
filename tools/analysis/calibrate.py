"""Calibrate the scores of a tested model on one split, and measure the calibration on the others."""

from rgbtvg.cli import run
from rgbtvg.commands import calibrate

if __name__ == "__main__":
    run(calibrate.main)
