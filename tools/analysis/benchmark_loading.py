"""RGB-T pairs per second through a training pipeline, beside C3: decoding and converting the two files"""

from rgbtvg.cli import run
from rgbtvg.commands import benchmark_loading

if __name__ == "__main__":
    run(benchmark_loading.main)
