"""Making a grounding set: what a vision-language model is asked, which answers are taken, and what a person says."""

from rgbtvg.annotation.acceptance import Rejected, expression_problem, parse_expression, parse_lighting
from rgbtvg.annotation.annotator import AnnotationResult, AnnotationSettings, annotate, describe, make_questions
from rgbtvg.annotation.journal import Journal
from rgbtvg.annotation.models import LocalModel
from rgbtvg.annotation.prompts import PROMPTS, Prompt
from rgbtvg.annotation.review import Review
from rgbtvg.annotation.server import ReviewServer
from rgbtvg.models.general.client import Answer, EndpointModel, NoAnswer, Stopped, Turn, VisionLanguageModel

__all__ = [
    "PROMPTS",
    "AnnotationResult",
    "AnnotationSettings",
    "Answer",
    "EndpointModel",
    "Journal",
    "LocalModel",
    "NoAnswer",
    "Prompt",
    "Rejected",
    "Review",
    "ReviewServer",
    "Stopped",
    "Turn",
    "VisionLanguageModel",
    "annotate",
    "describe",
    "expression_problem",
    "make_questions",
    "parse_expression",
    "parse_lighting",
]
