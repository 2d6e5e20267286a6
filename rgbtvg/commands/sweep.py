"""Train and test every row of a table of models, and print them side by side with paired 95 % intervals.

python tools/analysis/sweep.py configs/comparisons/adapters.py
python tools/analysis/sweep.py configs/comparisons/methods.py --jobs 2 --cfg-options max_epochs=2
python tools/analysis/sweep.py configs/comparisons/rgbt_ground.py --gpus 0 1 2 3 --dry-run

docs/experiments.md documents the format of a table file. Given again, the command resumes where it stopped.
"""

import argparse
import signal
import sys
from functools import partial
from pathlib import Path

from rgbtvg.cli import add_cfg_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="table file, such as configs/comparisons/methods.py")
    parser.add_argument("--out", help="output folder (default: work_dirs/<name of the table>)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of runs at once (default 1); 0: only the table of the finished runs"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each run (default 1)")
    parser.add_argument("--gpus", nargs="+", default=[], metavar="INDEX", help="GPUs, one run on each at a time")
    parser.add_argument("--dry-run", action="store_true", help="only list the remaining runs and estimate their cost")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.benchmarking.sweep import sweep
    from rgbtvg.engine import parse_options

    out = args.out or Path("work_dirs", Path(args.table).stem)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # end the runs too
    report = partial(print, flush=True)
    options = parse_options(args.cfg_options)
    sweep(args.table, out, options, args.jobs, args.threads, args.gpus, args.dry_run, report)
