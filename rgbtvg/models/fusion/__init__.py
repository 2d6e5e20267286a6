"""Fusion of vision and language."""

from rgbtvg.models.fusion.joint_encoder import JointEncoder, JointFeatures

__all__ = ["JointEncoder", "JointFeatures"]
