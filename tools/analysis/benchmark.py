"""Cost of configs beside a plain CLIP of the `transformers` library, measured in the same process."""

from rgbtvg.cli import run
from rgbtvg.commands import benchmark

if __name__ == "__main__":
    run(benchmark.main)
