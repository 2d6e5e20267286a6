"""Generate the synthetic RGB-T set: ``python tools/data/make_synthetic.py --out data/synthetic``."""

from rgbtvg.cli import run
from rgbtvg.commands import make_synthetic

if __name__ == "__main__":
    run(make_synthetic.main)
