"""Train and test every row of a table of models, and print them side by side with paired 95 % intervals."""

from rgbtvg.cli import run
from rgbtvg.commands import sweep

if __name__ == "__main__":
    run(sweep.main)
