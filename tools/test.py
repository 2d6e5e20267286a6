"""Test a checkpoint on every split and condition: python tools/test.py [CONFIG] --load-from CHECKPOINT."""

from rgbtvg.cli import run
from rgbtvg.commands import test

if __name__ == "__main__":
    run(test.main)
