"""Public API for inference with a trained model."""

from typing import Any

from rgbtvg.apis.inferencer import GroundingInferencer
from rgbtvg.apis.result import GroundingResult

__all__ = ["Explanation", "GroundingInferencer", "GroundingResult"]


def __getattr__(name: str) -> Any:
    # An exported model runs without the models that an explanation needs.
    if name == "Explanation":
        from rgbtvg.apis.explanation import Explanation

        return Explanation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
