"""Looking at data before training on it: the doctor's checks and the browser."""

from rgbtvg.inspection.doctor import check_data
from rgbtvg.inspection.report import Report, examine
from rgbtvg.inspection.sources import Source, read_source

__all__ = ["Report", "Source", "check_data", "examine", "read_source"]
