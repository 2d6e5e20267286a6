"""Score boxes that any program predicted, under this protocol: same samples, same metrics, same tables."""

from rgbtvg.cli import run
from rgbtvg.commands import score

if __name__ == "__main__":
    run(score.main)
