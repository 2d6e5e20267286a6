"""Align thermal images with RGB images of a second camera, by one homography for all pairs."""

from rgbtvg.cli import run
from rgbtvg.commands import align

if __name__ == "__main__":
    run(align.main)
