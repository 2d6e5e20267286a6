"""RGB-T pairs per second through a training pipeline, beside C3: decoding and converting the two files, nothing else.

python tools/analysis/benchmark_loading.py
python tools/analysis/benchmark_loading.py configs/transvg/transvg_r50.py --json work_dirs/loading.json

Makes 100 JPEG pairs of 1280x960 and 100 PNG pairs of 1024x768 in a temporary folder. One process and one thread, all
variants in turn, medians over the rounds. Prints how many grey levels reduced decoding and a resized copy change.
"""

import argparse
import json
from pathlib import Path

from rgbtvg.cli import add_cfg_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", default="configs/transvg/transvg_r50.py")
    add_cfg_options(parser)
    parser.add_argument("--pairs", type=int, default=100, help="number of pairs per format (default 100)")
    parser.add_argument("--rounds", type=int, default=7, help="number of rounds; the median is reported (default 7)")
    parser.add_argument("--json", help="also write the figures here")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.benchmarking.loading_benchmark import benchmark_loading
    from rgbtvg.engine import load_config, parse_options

    config = load_config(args.config, parse_options(args.cfg_options))
    rows = benchmark_loading(config, count=args.pairs, rounds=args.rounds)
    print(f"{'':24s}{'pairs/s':>9s}{'of C3':>8s}{'of authors':>12s}   grey levels off: mean (largest)")
    for row in rows:
        streams = [key.removesuffix("_mean_difference") for key in row if key.endswith("_mean_difference")]
        off = ", ".join(f"{s} {row[f'{s}_mean_difference']:.2f} ({row[f'{s}_largest_difference']})" for s in streams)
        name = f"{row['format']} {row['variant']}"
        print(f"{name:24s}{row['pairs_per_second']:9.1f}{row['of_c3']:8.2f}{row['of_authors']:12.1f}   {off}")
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1))
