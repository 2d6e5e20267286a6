"""One HTML file about one or several runs: what was trained, results, comparisons, robustness, audits, pictures."""

from rgbtvg.reporting.page import write_report
from rgbtvg.reporting.run import Run, load_run

__all__ = ["Run", "load_run", "write_report"]
