"""Write one HTML file about runs: configuration, data, curves, tables with intervals, comparison, pictures.

A run is the work dir of a training that was tested below it, or the folder of a test. Results of robustness.py and
audit.py that lie below the folder are part of the report. The first run is the reference of comparisons.

python tools/analysis/report.py work_dirs/quickstart --out report.html
python tools/analysis/report.py rgbt=work_dirs/rgbt rgb=work_dirs/rgb ir=work_dirs/ir --out report.html --attention
"""

import argparse


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="[NAME=]FOLDER", help="runs; the first is the reference")
    parser.add_argument("--out", default="report.html", metavar="FILE.html", help="the page (default: %(default)s)")
    parser.add_argument("--attention", action="store_true", help="also draw where the models looked (needs best.pth)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.reporting import load_run, write_report

    for path in write_report([load_run(run) for run in args.runs], args.out, args.attention):
        print(f"wrote {path}")
