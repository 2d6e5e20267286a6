"""Write one HTML file about runs: configuration, data, curves, tables with intervals, comparison, pictures."""

from rgbtvg.cli import run
from rgbtvg.commands import report

if __name__ == "__main__":
    run(report.main)
