"""HiVG: hierarchical multimodal fine-grained modulation for visual grounding (Xiao et al., ACM MM 2024)."""

from __future__ import annotations

from rgbtvg.models.grounders.clip_grounder import CLIPGrounder
from rgbtvg.registry import MODELS


@MODELS.register_module()
class HiVG(CLIPGrounder):
    """CLIP with low-rank updates, guided by the sentence through cross-modal bridges (MACB, HiLoRA).

    The bridges are ``guides=dict(block=dict(type='CrossModalBridge', num_text_levels=...))``, HiLoRA is
    ``adapter=dict(type='LoRA', ...)`` with layers unfrozen in stages. In rgbt (the RGB-T benchmark's definition) both
    streams share CLIP, and their tokens are concatenated.

    Args:
        args, kwargs: see :class:`CLIPGrounder`.
    """
