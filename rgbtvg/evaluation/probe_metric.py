"""Means of the scores that a pre-training model gives its samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from rgbtvg.registry import METRICS
from rgbtvg.structures import GroundingSample


@METRICS.register_module()
class ProbeMetric(BaseMetric):
    """Mean of every score in the samples' ``probe``, over the samples that have one."""

    default_prefix = "probe"

    def process(self, data_batch: Any, data_samples: Sequence[GroundingSample | dict]) -> None:
        """Add the scores of a batch."""
        for sample in data_samples:
            sample = sample.to_dict() if isinstance(sample, GroundingSample) else sample
            self.results.append(sample.get("probe", {}))

    def compute_metrics(self, results: list[dict[str, float]]) -> dict[str, float]:
        """Mean by name."""
        names = dict.fromkeys(name for scores in results for name in scores)
        scores = {name: [row[name] for row in results if not math.isnan(row.get(name, math.nan))] for name in names}
        return {name: sum(values) / len(values) for name, values in scores.items() if values}
