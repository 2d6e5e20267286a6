"""OneRef: one tower for grounding and segmentation, with mask referring modelling (Xiao et al., NeurIPS 2024)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rgbtvg.models.grounders.base import BaseGrounder, cell_maps
from rgbtvg.models.heads.base import Head
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, GroundingSample


@MODELS.register_module()
class OneRef(BaseGrounder):
    """BEiT-3 and a head that compares the sentence with every patch; nothing in between.

    In rgbt the tower runs once per stream with the same weights and the same sentence. The patches of both compete in
    one soft-max; the sentence is the one that saw the first stream.

    Args:
        backbone: config of :class:`BEiT3`.
        head: config of :class:`ReferringHead`, without the width.
        mask_head: config of :class:`ReferringMaskHead`, without the width; None for boxes only.
        pretraining: config of :class:`MRefMHead`, without the width; None outside of pre-training.
        neck: config of a modality neck that keeps the grid (:class:`ZeroGatedFusion`); its stream takes the place of
            both. None lets the patches of both compete.
        adapter: config of :class:`LoRA` for the tower, whose Linears are called ``attention.q_proj.vision`` and so on.
        kwargs: see :class:`BaseGrounder`.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        mask_head: dict | None = None,
        pretraining: dict | None = None,
        neck: dict | None = None,
        adapter: dict | None = None,
        **kwargs: Any,
    ) -> None:
        tower = MODELS.build(backbone)
        super().__init__(head=dict(head, width=tower.width), **kwargs)
        self.backbone = tower
        self.attach_adapter(adapter, {tower: self.streams})
        self.neck = None if neck is None else MODELS.build(neck).requires_grad_(len(self.streams) > 1)
        self.mask_head = None if mask_head is None else MODELS.build(dict(mask_head, width=tower.width))
        self.pretraining = None if pretraining is None else MODELS.build(dict(pretraining, width=tower.width))

    def encode(self, inputs: GroundingInputs, masked_patches: Tensor | None = None) -> dict[str, Any]:
        """Tower, likeness, box and mask.

        Args:
            masked_patches: (B, h*w) bool, patches that the mask token replaces (pre-training).
        """
        streams = self.backbone.encode_streams(inputs, self.streams, masked_patches)
        text = next(iter(streams.values())).text
        images = [stream.images[0] for stream in streams.values()]
        if self.neck is not None:
            images = [self.neck(dict(zip(streams, images, strict=True)), inputs, text)]
        patches = torch.cat([image.tokens[:, 1:] for image in images], dim=1)  # (B, S*N, D)
        vision = torch.cat([image.tokens[:, :1] for image in images] + [patches], dim=1)  # (B, S + S*N, D)
        outputs = {"streams": streams, "vision": vision, "text": text, "image": images[0], "grid": images[0].grid}
        invalid = None
        if images[0].invalid is not None:
            invalid = torch.cat([image.invalid[:, 1:] for image in images], dim=1)  # (B, S*N)
        outputs.update(self.head(vision, len(images), text, images[0].grid, invalid))
        outputs["patch_logits"], outputs["patch_grids"] = (outputs["similarity"],), [images[0].grid] * len(images)
        if self.mask_head is not None:
            outputs["mask_logits"] = self.mask_head(patches, images[0].grid, outputs["sentence_embedding"], invalid)
        return outputs

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Shares of the patches in the pooled vector that the box is read from."""
        images = {name: stream.images[0] for name, stream in outputs["streams"].items()}
        return cell_maps("likeness to the sentence", outputs["share"], images)

    def loss_heads(self) -> list[Head]:
        return [*super().loss_heads(), *([] if self.mask_head is None else [self.mask_head])]

    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        """Ordinary training, or one step of masked image or language modelling."""
        if self.pretraining is None:
            return super().loss(inputs, data_samples)
        task = self.pretraining.next_task(inputs, data_samples, self.streams)
        outputs = self.encode(task.inputs, task.masked_patches)
        return {**self.losses(outputs, data_samples), **self.pretraining.loss(outputs, task)}
