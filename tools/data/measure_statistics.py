"""Mean and standard deviation of the pixels of a config's training set, by stream and channel."""

from rgbtvg.cli import run
from rgbtvg.commands import measure_statistics

if __name__ == "__main__":
    run(measure_statistics.main)
