"""Accept, edit or reject expressions by keyboard on a local web page."""

from rgbtvg.cli import run
from rgbtvg.commands import review

if __name__ == "__main__":
    run(review.main)
