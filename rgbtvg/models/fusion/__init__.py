"""Fusion of vision and language."""

from rgbtvg.models.fusion.dense import DenseFusion
from rgbtvg.models.fusion.joint_encoder import JointEncoder, JointFeatures
from rgbtvg.models.fusion.sub_query import SubQueryFusion
from rgbtvg.models.fusion.text_guided_enhancement import TextGuidedEnhancement
from rgbtvg.models.fusion.text_guided_queries import TextGuidedQueries

__all__ = [
    "DenseFusion",
    "JointEncoder",
    "JointFeatures",
    "SubQueryFusion",
    "TextGuidedEnhancement",
    "TextGuidedQueries",
]
