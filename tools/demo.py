"""Find the object that an expression means in an RGB-thermal pair."""

from rgbtvg.cli import run
from rgbtvg.commands import demo

if __name__ == "__main__":
    run(demo.main)
