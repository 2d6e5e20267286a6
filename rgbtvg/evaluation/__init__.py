"""Metrics, their tables by split and condition, and comparisons between runs."""

from rgbtvg.evaluation.comparison import Comparison, compare_runs
from rgbtvg.evaluation.grec_metric import GRECMetric
from rgbtvg.evaluation.grounding_metric import GroundingMetric
from rgbtvg.evaluation.intervals import Estimate
from rgbtvg.evaluation.mask_metric import MaskMetric
from rgbtvg.evaluation.mistakes import MISTAKES, mistake, other_boxes
from rgbtvg.evaluation.predictions import load_predictions, load_runs, save_predictions
from rgbtvg.evaluation.probe_metric import ProbeMetric
from rgbtvg.evaluation.published import PublishedResult, published_results, published_table
from rgbtvg.evaluation.result import EvaluationResult

__all__ = [
    "MISTAKES",
    "Comparison",
    "Estimate",
    "EvaluationResult",
    "GRECMetric",
    "GroundingMetric",
    "MaskMetric",
    "ProbeMetric",
    "PublishedResult",
    "compare_runs",
    "load_predictions",
    "load_runs",
    "mistake",
    "other_boxes",
    "published_results",
    "published_table",
    "save_predictions",
]
