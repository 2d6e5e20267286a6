"""ALVG: attention losses and text-guided image enhancement for visual grounding (Dong et al., 2025)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from rgbtvg.models.grounders.simvg import SimVG
from rgbtvg.models.heads.patch_choice import chosen_map
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs


@MODELS.register_module()
class ALVG(SimVG):
    """SimVG's decoder branch on patches that the sentence has weighted, with a mask, and attention under supervision.

    Args:
        decoder: values of :class:`TransformerDecoder`; the released checkpoints need ``chained=False``.
        head: config of :class:`AttentionSupervisedHead`.
        enhancement: config of :class:`TextGuidedEnhancement`; None leaves the patches as they are.
        kwargs: see :class:`SimVG`.
    """

    decoder_defaults: ClassVar[dict[str, Any]] = dict(positions_in_residual=True, final_norm=False)

    def __init__(self, decoder: dict, head: dict, enhancement: dict | None = None, **kwargs: Any) -> None:
        super().__init__(decoder=decoder, head=head, **kwargs)
        self.enhancement = None if enhancement is None else MODELS.build(enhancement)

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Tower, queries, enhancement, decoder, boxes and mask."""
        outputs = self.encode_memory(inputs)
        grid, positions, memory, score = outputs["image"].grid, outputs["positions"], outputs["patches"], None
        if self.enhancement is not None:
            memory, score = self.enhancement(memory, positions, outputs["sentence"])
            score = score.unflatten(1, grid)  # (B, h, w)
        decoded = self.decoder(outputs["queries"], memory, positions, outputs["patch_padding"], need_weights=True)
        outputs["memory"], outputs["score"] = memory, score
        outputs["decoder_states"] = decoded.states
        outputs["attention"] = decoded.weights.unflatten(-1, grid)  # (S, B, Q, h, w)
        feature_map = (memory + positions).transpose(1, 2).unflatten(2, grid)  # (B, D, h, w)
        outputs.update(self.head(decoded.states, outputs["centre"], feature_map))
        outputs["pred_boxes_cxcywh"] = self.head.answers(outputs)[1]
        return outputs

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """As in :class:`SimVG`, and the scores of the enhancement."""
        maps = {"attention": outputs["attention"][-1].mean(1)}
        if outputs["score"] is not None:
            maps["score"] = outputs["score"].clamp(min=0)
        return maps | chosen_map(outputs)
