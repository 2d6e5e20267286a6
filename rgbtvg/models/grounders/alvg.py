"""ALVG: attention losses and text-guided image enhancement for visual grounding (Dong et al., 2025)."""

from __future__ import annotations

from typing import Any

from torch import nn

from rgbtvg.models.grounders.base import BaseGrounder
from rgbtvg.models.grounders.simvg import joined_streams, patch_map, picture_share
from rgbtvg.models.layers import SinePositions, TransformerDecoder
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs


@MODELS.register_module()
class ALVG(BaseGrounder):
    """SimVG's decoder branch on patches that the sentence has weighted, with a mask, and attention under supervision.

    In rgbt as in :class:`SimVG`.

    Args:
        backbone: config of :class:`BEiT3`.
        queries: config of :class:`TextGuidedQueries`.
        decoder: values of :class:`TransformerDecoder`; the released checkpoints need ``chained=False``.
        head: config of :class:`AttentionSupervisedHead`.
        enhancement: config of :class:`TextGuidedEnhancement`; None leaves the patches as they are.
        neck: config of a modality neck that keeps the grid.
        adapter: config of :class:`LoRA` for the tower, whose Linears are called ``attention.q_proj.vision`` and so on.
        kwargs: see :class:`BaseGrounder`.
    """

    def __init__(
        self,
        backbone: dict,
        queries: dict,
        decoder: dict,
        head: dict,
        enhancement: dict | None = None,
        neck: dict | None = None,
        adapter: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(head=head, **kwargs)
        self.backbone = MODELS.build(backbone)
        if adapter is not None:
            MODELS.build(adapter).attach(self.backbone, self.backbone.routing, self.streams)
        self.neck = MODELS.build(neck or dict(type="AverageStreams"))
        self.queries = MODELS.build(queries)
        width = self.queries.width
        self.image_proj = nn.Conv2d(self.backbone.width, width, 1)
        self.text_proj = nn.Linear(self.backbone.width, width)
        self.image_positions = SinePositions(width)
        self.enhancement = None if enhancement is None else MODELS.build(enhancement)
        self.decoder = TransformerDecoder(
            **{"width": width, "positions_in_residual": True, "final_norm": False, **decoder}
        )

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Tower, queries, enhancement, decoder, boxes and mask."""
        image, text = joined_streams(self.backbone.encode_streams(inputs, self.streams), self.neck, inputs)
        grid = image.grid
        patches = self.image_proj(patch_map(image)).flatten(2).transpose(1, 2)  # (B, N, D)
        words = self.text_proj(text.tokens)  # (B, L, D)
        mask = image.mask[:, image.num_prefix :]
        positions = self.image_positions(mask.unflatten(1, grid)).flatten(2).transpose(1, 2)  # (B, N, D)
        queries, sentence = self.queries(words, text.mask)
        memory, score = patches, None
        if self.enhancement is not None:
            memory, score = self.enhancement(patches, positions, sentence)
            score = score.unflatten(1, grid)  # (B, h, w)
        decoded = self.decoder(queries, memory, positions, mask, need_weights=True)
        outputs = {
            "image": image,
            "text": text,
            "patches": patches,
            "words": words,
            "positions": positions,
            "patch_mask": mask,
            "queries": queries,
            "sentence": sentence,
            "memory": memory,
            "score": score,
            "decoder_states": decoded.states,
            "attention": decoded.weights.unflatten(-1, grid),  # (S, B, Q, h, w)
            "picture_share": picture_share(inputs.padding_mask),
        }
        feature_map = (memory + positions).transpose(1, 2).unflatten(2, grid)  # (B, D, h, w)
        outputs.update(self.head(decoded.states, feature_map))
        outputs["pred_boxes"] = self.head.answers(outputs)[1]
        return outputs
