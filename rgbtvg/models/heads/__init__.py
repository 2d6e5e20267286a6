"""Heads: boxes and masks from fused features, their losses and their predictions."""

from rgbtvg.models.heads.anchor_head import AnchorHead
from rgbtvg.models.heads.attention_head import AttentionSupervisedHead
from rgbtvg.models.heads.box_head import BoxHead, single_targets
from rgbtvg.models.heads.dynamic_decoder import DynamicDecoder
from rgbtvg.models.heads.mrefm_head import MRefMHead
from rgbtvg.models.heads.patch_choice import ChosenPatches, PatchChoice, PatchChoiceHead
from rgbtvg.models.heads.referring_head import ReferringHead, ReferringMaskHead
from rgbtvg.models.heads.sentence_heads import ContrastiveHead, SentenceMaskHead, TokenAlignmentHead
from rgbtvg.models.heads.set_head import SetHead, TwoBranchHead
from rgbtvg.models.heads.word_coverage import WordCoverageHead

__all__ = [
    "AnchorHead",
    "AttentionSupervisedHead",
    "BoxHead",
    "ChosenPatches",
    "ContrastiveHead",
    "DynamicDecoder",
    "MRefMHead",
    "PatchChoice",
    "PatchChoiceHead",
    "ReferringHead",
    "ReferringMaskHead",
    "SentenceMaskHead",
    "SetHead",
    "TokenAlignmentHead",
    "TwoBranchHead",
    "WordCoverageHead",
    "single_targets",
]
