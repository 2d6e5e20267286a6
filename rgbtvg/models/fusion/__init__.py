"""Fusion of vision and language."""

from rgbtvg.models.fusion.joint_encoder import JointEncoder, JointFeatures
from rgbtvg.models.fusion.text_guided_queries import TextGuidedQueries

__all__ = ["JointEncoder", "JointFeatures", "TextGuidedQueries"]
