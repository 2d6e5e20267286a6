"""Unpack and check RGBT-Ground: ``python tools/data/prepare_rgbt_ground.py DOWNLOADS --out data/rgbt_ground``."""

from rgbtvg.cli import run
from rgbtvg.commands import prepare_rgbt_ground

if __name__ == "__main__":
    run(prepare_rgbt_ground.main)
