"""The checks of the data doctor, a file per kind; found by importing them."""

from rgbtvg.inspection.checks import annotation_files, boxes, duplicates, expressions, images, labels  # noqa: F401
from rgbtvg.inspection.checks.base_check import (
    CHECKS,
    LEVELS,
    SEVERITIES,
    Check,
    Finding,
    pair_check,
    record_check,
    survey_check,
)

__all__ = ["CHECKS", "LEVELS", "SEVERITIES", "Check", "Finding", "pair_check", "record_check", "survey_check"]
