"""The batch that every grounder takes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

MODALITY_STREAMS = {"rgb": ("rgb",), "ir": ("ir",), "rgbt": ("rgb", "ir")}
"""Image streams that each value of a config's `modality` reads."""
STREAM_TITLES = {"rgb": "RGB", "ir": "thermal"}
"""Names of the streams in messages and drawings."""


@dataclass
class GroundingInputs:
    """A batch on its device, normalised and padded.

    Args:
        images: stream name (``rgb``, ``ir``) -> (B, C, H, W), zero where padded. Thermal has the channels that the
            preprocessor was asked for (three equal ones by default, since every published encoder takes three).
        padding_mask: (B, H, W) bool, True where padded.
        token_ids: (B, L) int64.
        token_padding_mask: (B, L) bool, True where padded.
        thermal_valid: (B, H, W) bool, True where thermal shows something, False on padding; None where all of it does.
    """

    images: dict[str, Tensor]
    padding_mask: Tensor
    token_ids: Tensor
    token_padding_mask: Tensor
    thermal_valid: Tensor | None = None

    @property
    def batch_size(self) -> int:
        return self.padding_mask.shape[0]

    @property
    def input_shape(self) -> tuple[int, int]:
        """(H, W) of the padded input."""
        height, width = self.padding_mask.shape[-2:]
        return height, width
