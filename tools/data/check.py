"""Check data: read every row and every image once and report what is wrong."""

from rgbtvg.cli import run
from rgbtvg.commands import check

if __name__ == "__main__":
    run(check.main)
