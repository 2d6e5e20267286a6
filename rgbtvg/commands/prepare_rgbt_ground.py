"""Unpack and check RGBT-Ground: ``python tools/data/prepare_rgbt_ground.py DOWNLOADS --out data/rgbt_ground``."""

import argparse

from rich.console import Console
from rich.progress import track
from rich.table import Table

from rgbtvg.datasets.rgbt_archives import Preparation, prepare_rgbt_ground


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Unpack the archives of RGBT-Ground, check their counts and subsets, and write canonical JSON "
        "lines. What has been done is not done again."
    )
    parser.add_argument("source", help="folder of ann_*.tar and data_*.tar, or of a tree that is unpacked already")
    parser.add_argument("--out", default="data/rgbt_ground", help="folder of the result (default %(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    result = prepare_rgbt_ground(
        args.source, args.out, lambda items, what, total: track(items, description=what, total=total)
    )
    show(result, Console())


def show(result: Preparation, console: Console) -> None:
    """Counts, warnings, and what to put into a config."""
    table = Table("dataset", "split", "rows", "published revisions with as many")
    for count in result.counts:
        table.add_row(count.dataset, count.split, str(count.rows), ", ".join(count.revisions) or "-")
    console.print(table)
    if result.unpacked:
        console.print(", ".join(f"{number} files {what}" for what, number in result.unpacked.items()))
    for warning in result.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    for path, rows in result.written.items():
        console.print(f"{path}: {rows} records", markup=False, soft_wrap=True)
    console.print(f"data_root={result.data_root} split_root={result.split_root}", markup=False, soft_wrap=True)
