"""The interface of a general model, and what it hands back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.model import BaseModule
from PIL import Image
from torch import Tensor

from rgbtvg.models.general.folder import find_folder, folder_identity

MAX_BOXES = 10
"""Boxes that are kept of one image, best first."""
MAX_OVERLAP = 0.5
"""IoU from which the worse one of two boxes is dropped."""


@dataclass
class Located:
    """What a model finds for one expression in one image.

    Args:
        boxes: (M, 4) float32 xyxy in pixels of the image, best first.
        scores: (M,) in [0, 1]; ones where the model gives none.
        problem: why there is no prediction, such as an answer that cannot be read; None where there is one.
    """

    boxes: Tensor
    scores: Tensor
    problem: str | None = None

    @property
    def best(self) -> float:
        """Score of the best box; below every score without one."""
        return float(self.scores[0]) if len(self.scores) else -1.0


def nothing(problem: str | None = None) -> Located:
    """No box."""
    return Located(torch.zeros(0, 4), torch.zeros(0), problem)


class GeneralModel(BaseModule):
    """A model that others have trained: its question, its processor, and the way from its answer to boxes."""

    has_scores = True
    """True if scores of two images can be compared."""

    @abstractmethod
    def locate(self, images: Sequence[Image.Image], expressions: Sequence[str], note: str = "") -> list[Located]:
        """What each expression means in its image.

        Args:
            images: in RGB, of any size.
            expressions: one per image.
            note: what the question says about the images (:func:`prompts.note`); models without questions ignore it.
        """

    @abstractmethod
    def identity(self) -> dict[str, str]:
        """``path`` and ``sha256`` of the weights, for the provenance of a result."""


class FolderModel(GeneralModel):
    """A model from a folder of Hugging Face's layout; nothing is downloaded.

    Args:
        weights: the folder, or what :func:`find_folder` looks for.
    """

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.weights = find_folder(weights)
        self._identity: dict[str, str] | None = None

    def identity(self) -> dict[str, str]:
        """See :class:`GeneralModel`; large files are read once."""
        self._identity = self._identity or folder_identity(self.weights)
        return self._identity


def best_boxes(boxes_xyxy: Tensor, scores: Tensor, size: tuple[int, int]) -> Located:
    """The best boxes of a detector, without those that overlap a better one.

    Args:
        boxes_xyxy: (N, 4) in pixels of the image.
        scores: (N,).
        size: (width, height) of the image, to whose edge boxes are clipped.
    """
    boxes = boxes_xyxy.float()
    limit = boxes.new_tensor([*size, *size])
    boxes = torch.minimum(boxes.clamp(min=0), limit)
    from torchvision.ops import nms  # takes seconds to import, and few runs need it

    kept = nms(boxes, scores.float(), MAX_OVERLAP)[:MAX_BOXES]
    return Located(boxes[kept].cpu(), scores[kept].float().cpu())
