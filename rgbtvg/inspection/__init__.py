"""Looking at data before training on it: the doctor's checks and the browser."""

from rgbtvg.inspection.browser import browse, write_sheet
from rgbtvg.inspection.doctor import check_data
from rgbtvg.inspection.report import Report, examine
from rgbtvg.inspection.sources import Source, read_source

__all__ = ["Report", "Source", "browse", "check_data", "examine", "read_source", "write_sheet"]
