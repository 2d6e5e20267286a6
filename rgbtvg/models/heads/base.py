"""The interface of heads that have losses."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from rgbtvg.structures import GroundingSample


class Head(nn.Module):
    """A head computes its targets and its losses in two steps.

    :meth:`targets` collects everything that depends on samples or on data (assignment, matching, rasterised masks)
    without gradients; :meth:`loss` is a function of tensors that ``torch.compile`` traces as one graph.
    """

    most_boxes: int | None = None
    """Boxes of a prediction at most, of heads with several cells or queries; None: as many as the method answers
    with. The first box is the same for any number."""

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> Any:
        """Targets of a batch for :meth:`loss`; None if the loss needs none."""
        return None

    def loss(self, outputs: dict[str, Any], targets: Any) -> dict[str, Tensor]:
        """Loss terms by name.

        Args:
            outputs: what ``BaseGrounder.encode`` returned.
            targets: what :meth:`targets` returned.
        """
        raise NotImplementedError
