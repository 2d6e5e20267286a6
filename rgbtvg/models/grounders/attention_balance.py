"""AttBalance (Kang et al. 2024): training that supervises the attention of a grounder's regression token."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rgbtvg.models.grounders.base import cell_layout
from rgbtvg.models.heads.box_head import single_targets
from rgbtvg.models.losses.attention_balance import BalanceTerms, balance_terms, target_regions
from rgbtvg.structures import GroundingInputs, GroundingSample
from rgbtvg.structures.boxes import aligned_iou, cxcywh_to_xyxy

if TYPE_CHECKING:
    from rgbtvg.models.grounders.regression import RegressionGrounder


class AttentionBalance(nn.Module):
    """The extra losses of AttBalance and the momentum copy that they need. Inference does not use it.

    The copy exists in training only: :meth:`start` makes it. Checkpoints hold it for resuming; a model without a copy
    ignores it.

    Args:
        momentum: share of the copy that an update keeps.
        alpha: share of the distillation from the second epoch on; it rises to that over the first.
        epochs: epochs with the extra terms; afterwards the box losses stand alone.
        first_layer: first constrained layer of the joint encoder, counted from 0.
        copy_buffers: update the copy's buffers (batch norm statistics) too. The reference does not, so that its copy
            runs the learned filters with initial statistics.
        start_equal: begin with a copy of the pre-trained network. The reference copies it before its image encoder is
            read.
        correlate_same_layers: take the rank correlation on the layers that it weights. The reference takes it two
            layers lower.
        cover_small: a target smaller than a cell gets the cell of its centre. The reference leaves its region empty.
    """

    def __init__(
        self,
        momentum: float = 0.9,
        alpha: float = 0.4,
        epochs: int = 60,
        first_layer: int = 2,
        copy_buffers: bool = True,
        start_equal: bool = True,
        correlate_same_layers: bool = True,
        cover_small: bool = True,
    ) -> None:
        super().__init__()
        self.rate = momentum
        self.final_alpha = self.alpha = alpha
        self.epochs = epochs
        self.first_layer = first_layer
        self.copy_buffers = copy_buffers
        self.start_equal = start_equal
        self.correlate_same_layers = correlate_same_layers
        self.cover_small = cover_small
        self.active = True
        self.momentum: RegressionGrounder | None = None
        self.register_load_state_dict_pre_hook(_drop_momentum)

    def start(self, grounder: RegressionGrounder) -> None:
        """Make the momentum copy of everything but the heads."""
        without = (grounder.head, grounder.auxiliary_heads, grounder.data_preprocessor, self)
        memo: dict[int, Any] = dict(zip(map(id, without), (nn.Identity(), nn.ModuleList(), None, None), strict=True))
        self.momentum = copy.deepcopy(grounder, memo).requires_grad_(False)
        self.momentum.patch_choice = None  # the copy has no box head

    def set_progress(self, epoch: int, iteration: int, iterations_per_epoch: int) -> None:
        """See :meth:`BaseGrounder.set_progress`."""
        self.active = epoch < self.epochs
        self.alpha = self.final_alpha * (1.0 if epoch else (iteration + 1) / iterations_per_epoch)

    @torch.no_grad()
    def update(self, grounder: RegressionGrounder) -> None:
        """Move the copy towards the network."""
        if self.momentum is None:
            return
        online = dict(grounder.named_parameters())
        pairs = [(parameter, online[name]) for name, parameter in self.momentum.named_parameters()]
        torch._foreach_lerp_([mine for mine, _ in pairs], [theirs for _, theirs in pairs], 1 - self.rate)
        if self.copy_buffers:
            buffers = dict(grounder.named_buffers())
            for name, buffer in self.momentum.named_buffers():
                buffer.copy_(buffers[name])

    def momentum_attention(self, inputs: GroundingInputs, attention: Tensor) -> Tensor:
        """Attention of the copy, (depth, B, V); the network's own outside of training."""
        if not self.training or self.momentum is None:
            return attention.detach()
        with torch.no_grad():
            return self.momentum.encode(inputs, return_attention=True)["joint"].attention

    def forward(
        self,
        outputs: dict[str, Any],
        momentum_attention: Tensor,
        inputs: GroundingInputs,
        data_samples: list[GroundingSample],
    ) -> BalanceTerms:
        """Loss terms for outputs of ``encode(..., return_attention=True)``."""
        boxes = outputs["pred_boxes_cxcywh"].float()
        targets = single_targets(data_samples).to(boxes)
        region = target_regions(
            targets,
            inputs.input_shape,
            *cell_layout(outputs["streams"], outputs["joint"].attention.shape[-1]),
            self.cover_small,
        )
        image = (~inputs.padding_mask).sum((1, 2))
        box_share = targets[:, 2:].prod(-1) * inputs.padding_mask[0].numel() / image
        return balance_terms(
            outputs["joint"].attention.float(),
            momentum_attention.float(),
            region,
            aligned_iou(cxcywh_to_xyxy(boxes.detach()), cxcywh_to_xyxy(targets), 1e-16),
            box_share,
            self.alpha,
            self.first_layer,
            self.correlate_same_layers,
        )


def _drop_momentum(module: AttentionBalance, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Leave a checkpoint's momentum copy out of a model that has none."""
    if module.momentum is None:
        for name in [name for name in state if name.startswith(f"{prefix}momentum.")]:
            del state[name]
