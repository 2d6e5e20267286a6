"""Open-vocabulary detectors of `transformers`: every query of the model has a box and a score for the expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from rgbtvg.models.general import prompts
from rgbtvg.models.general.base import FolderModel, Located, best_boxes
from rgbtvg.models.general.folder import load_folder
from rgbtvg.registry import MODELS
from rgbtvg.structures.boxes import cxcywh_to_xyxy


class Detector(FolderModel):
    """A detector; a subclass names its classes, and says what goes in and what comes out.

    Args:
        weights: folder with ``config.json``, ``model.safetensors``, and the files of the processor and the tokenizer.

    Raises:
        CheckpointError: see :func:`load_folder`.
    """

    model_class: ClassVar[str]
    processor_class: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]

    def __init__(self, weights: str) -> None:
        super().__init__(weights)
        self.model, self.processor = load_folder(self.weights, self.model_class, self.processor_class, self.parts)

    def inputs(self, images: Sequence[Image.Image], expressions: Sequence[str]) -> Any:
        """The processor's batch."""
        raise NotImplementedError

    def queries(self, outputs: Any) -> tuple[Tensor, Tensor]:
        """Boxes (B, Q, 4), cxcywh relative to :meth:`frame`, and scores (B, Q)."""
        raise NotImplementedError

    def frame(self, image: Image.Image) -> tuple[int, int]:
        """(width, height) in pixels of what the boxes are relative to."""
        return image.size

    @torch.no_grad()
    def locate(self, images: Sequence[Image.Image], expressions: Sequence[str], note: str = "") -> list[Located]:
        """See :class:`GeneralModel`."""
        batch = self.inputs(images, expressions).to(self.model.device, self.model.dtype)
        boxes, scores = self.queries(self.model(**batch))
        located = []
        for index, image in enumerate(images):
            width, height = self.frame(image)
            corners = cxcywh_to_xyxy(boxes[index].float()) * boxes.new_tensor([width, height] * 2, dtype=torch.float32)
            located.append(best_boxes(corners, scores[index], image.size))
        return located


@MODELS.register_module()
class GroundingDINO(Detector):
    """Grounding DINO (Liu et al. 2023): the whole expression is one phrase; a score is that of the best token."""

    model_class = "GroundingDinoForObjectDetection"
    processor_class = "GroundingDinoProcessor"
    parts = ("swin", "bert", "timm_backbone")

    def inputs(self, images: Sequence[Image.Image], expressions: Sequence[str]) -> Any:
        """See :class:`Detector`."""
        texts = [prompts.grounding_dino(expression) for expression in expressions]
        limit = self.model.config.max_text_len
        return self.processor(
            images=list(images), text=texts, padding=True, truncation=True, max_length=limit, return_tensors="pt"
        )

    def queries(self, outputs: Any) -> tuple[Tensor, Tensor]:
        """See :class:`Detector`."""
        return outputs.pred_boxes, outputs.logits.sigmoid().amax(-1)


@MODELS.register_module()
class MMGroundingDINO(GroundingDINO):
    """MM-Grounding-DINO (Zhao et al. 2024), MMDetection's Grounding DINO."""

    model_class = "MMGroundingDinoForObjectDetection"


@MODELS.register_module()
class OWLv2(Detector):
    """OWLv2 (Minderer et al. 2023). Its text encoder reads 16 tokens; what is behind them is cut off."""

    model_class = "Owlv2ForObjectDetection"
    processor_class = "Owlv2Processor"
    parts = ("owlv2_text_model", "owlv2_vision_model")

    def inputs(self, images: Sequence[Image.Image], expressions: Sequence[str]) -> Any:
        """See :class:`Detector`."""
        limit = self.model.config.text_config.max_position_embeddings
        return self.processor(
            images=list(images),
            text=[[prompts.filled(prompts.OWL, expression)] for expression in expressions],
            truncation=True,
            max_length=limit,
            return_tensors="pt",
        )

    def queries(self, outputs: Any) -> tuple[Tensor, Tensor]:
        """See :class:`Detector`."""
        return outputs.pred_boxes, outputs.logits.sigmoid().amax(-1)

    def frame(self, image: Image.Image) -> tuple[int, int]:
        """The processor pads to a square on the right or below."""
        side = max(image.size)
        return side, side


@MODELS.register_module()
class OmDetTurbo(Detector):
    """OmDet-Turbo (Zhao et al. 2024): the expression is the only class, and the task asks to detect it."""

    model_class = "OmDetTurboForObjectDetection"
    processor_class = "OmDetTurboProcessor"
    parts = ("swin", "clip_text_model", "timm_backbone")

    def inputs(self, images: Sequence[Image.Image], expressions: Sequence[str]) -> Any:
        """See :class:`Detector`."""
        return self.processor(
            images=list(images),
            text=[[prompts.filled(prompts.OMDET_CLASS, expression)] for expression in expressions],
            task=[prompts.filled(prompts.OMDET_TASK, expression) for expression in expressions],
            return_tensors="pt",
        )

    def queries(self, outputs: Any) -> tuple[Tensor, Tensor]:
        """See :class:`Detector`."""
        return outputs.decoder_coord_logits, outputs.decoder_class_logits.sigmoid()[..., 0]
