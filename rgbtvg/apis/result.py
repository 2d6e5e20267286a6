"""The result of grounding one expression, and the warnings that belong to it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbtvg.datasets.masks import encode_binary_mask
from rgbtvg.errors import ConfigError
from rgbtvg.visualization import draw_grounding, save_image

if TYPE_CHECKING:
    import pandas
    import supervision


@dataclass(frozen=True, repr=False)
class GroundingResult:
    """Boxes of one expression in one pair of images.

    Args:
        expression: the expression.
        boxes_xyxy: (N, 4) float32 xyxy in pixels of the image (of RGB if there is one), best first; N may be 0.
        scores: (N,) float32 in [0, 1].
        images: stream (``rgb``, ``ir``) -> the image in 8 bits as the model loaded it, thermal after its
            `thermal_normalisation`, before resizing.
        mask: (H, W) bool of the image, for models that segment.
        warnings: reasons not to trust the result: an image without content, an expression that was cut or has words
            that the model does not know, an output that is NaN.
        name: file name of the RGB image, or of the thermal one; None if neither came from a file.
    """

    expression: str
    boxes_xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    images: dict[str, Image.Image]
    mask: NDArray[np.bool_] | None = None
    warnings: tuple[str, ...] = ()
    name: str | None = None

    def __repr__(self) -> str:
        boxes = ", ".join(f"[{', '.join(f'{value:.1f}' for value in box)}]" for box in self.boxes_xyxy)
        scores = ", ".join(f"{score:.3f}" for score in self.scores)
        warnings = f", warnings={self.warnings}" if self.warnings else ""
        return f"GroundingResult({self.expression!r}, boxes_xyxy=[{boxes}], scores=[{scores}]{warnings})"

    def _repr_png_(self) -> bytes:
        """The drawn result, as notebooks display it."""
        buffer = io.BytesIO()
        self.draw().save(buffer, "PNG")
        return buffer.getvalue()

    def above(self, threshold: float) -> GroundingResult:
        """The result with the boxes of at least this score."""
        kept = self.scores >= threshold
        return replace(self, boxes_xyxy=self.boxes_xyxy[kept], scores=self.scores[kept])

    def draw(self, width: int | None = None) -> Image.Image:
        """RGB and thermal side by side with the boxes, the expression above; `width` of each image in pixels."""
        note = f"score {self.scores[0]:.2f}" if len(self.scores) else "nothing found"
        return draw_grounding(
            self.images, self.expression, pred_boxes_xyxy=self.boxes_xyxy, pred_mask=self.mask, note=note, width=width
        )

    def save(self, path: str | Path) -> None:
        """Draw the result and write it as an image file."""
        save_image(self.draw(), path)

    def summary(self) -> str:
        """One line of text per box and per warning."""
        lines = [
            f"box x0 y0 x1 y1: {' '.join(f'{value:.1f}' for value in box)}  score {score:.3f}"
            for box, score in zip(self.boxes_xyxy, self.scores, strict=True)
        ]
        return "\n".join([*(lines or ["nothing found"]), *(f"warning: {text}" for text in self.warnings)])

    def to_dict(self) -> dict[str, Any]:
        """The result without its images, as plain data for JSON; a mask is in COCO's run-length encoding."""
        fields: dict[str, Any] = {
            "expression": self.expression,
            "boxes_xyxy": self.boxes_xyxy.tolist(),
            "scores": self.scores.tolist(),
            "warnings": list(self.warnings),
        }
        if self.name is not None:
            fields["name"] = self.name
        if self.mask is not None:
            fields["mask"] = encode_binary_mask(self.mask)
        return fields

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict())

    def to_supervision(self) -> supervision.Detections:
        """The boxes, scores and mask as ``supervision.Detections``, all of class 0; the expression is in its data.

        Raises:
            ConfigError: supervision is not installed.
        """
        try:
            import supervision
        except ImportError:
            raise ConfigError("to_supervision needs supervision: pip install supervision") from None
        count = len(self.boxes_xyxy)
        return supervision.Detections(
            xyxy=self.boxes_xyxy,
            mask=None if self.mask is None or count != 1 else self.mask[None],
            confidence=self.scores,
            class_id=np.zeros(count, dtype=int),
            data={"expression": np.array([self.expression] * count, dtype=object)},
        )

    def to_pandas(self) -> pandas.DataFrame:
        """One row per box: ``expression``, ``x0``, ``y0``, ``x1``, ``y1``, ``score``.

        Raises:
            ConfigError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ConfigError("to_pandas needs pandas: pip install pandas") from None
        table = pandas.DataFrame(self.boxes_xyxy, columns=["x0", "y0", "x1", "y1"])
        table.insert(0, "expression", self.expression)
        table["score"] = self.scores
        return table
