"""Train and test every row of a table of models, and print them side by side with paired 95 % intervals.

python tools/analysis/sweep.py configs/comparisons/lora.py
python tools/analysis/sweep.py configs/comparisons/methods.py --jobs 2 --cfg-options max_epochs=2

`rgbtvg/benchmarking/sweep.py` says what a table file holds. Given again, the command goes on where it was broken off.
"""

import argparse
import signal
import sys
from functools import partial
from pathlib import Path

from rgbtvg.cli import add_cfg_options, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="table file, such as configs/comparisons/methods.py")
    parser.add_argument("--out", help="folder of the runs and of the table (default: work_dirs/<name of the table>)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs at once (default 1); 0: only the table of what is finished"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each (default 1)")
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.benchmarking.sweep import sweep
    from rgbtvg.engine import parse_options

    out = args.out or Path("work_dirs", Path(args.table).stem)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without ending the runs
    report = partial(print, flush=True)
    sweep(args.table, out, parse_options(args.cfg_options), args.jobs, args.threads, report)


if __name__ == "__main__":
    run(main)
