"""What a program that uses a trained model imports."""

from rgbtvg.apis.explanation import Explanation
from rgbtvg.apis.inferencer import GroundingInferencer
from rgbtvg.apis.result import GroundingResult

__all__ = ["Explanation", "GroundingInferencer", "GroundingResult"]
