"""Losses of a set of predictions against any number of targets, after a one-to-one assignment (Carion et al. 2020)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.dist import all_reduce, get_world_size
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.models.layers.precision import full_precision
from rgbtvg.structures.boxes import aligned_giou, cxcywh_to_xyxy


@dataclass
class Match:
    """Assigned pairs of a batch, M in all, sample by sample with ascending queries.

    Args:
        sample, query, target: (M,) int64, the row in the batch, the query, and the number of the target in its sample.
        boxes_cxcywh: (M, 4), target boxes cxcywh.
        count: scalar, number of targets in the batch, averaged over processes, at least 1.
        weights: (M,), weights of the targets.
    """

    sample: Tensor
    query: Tensor
    target: Tensor
    boxes_cxcywh: Tensor
    count: Tensor
    weights: Tensor


@dataclass
class SetCriterion:
    """Class, L1 and generalised IoU terms of queries that answer "object" (class 0) or "nothing" (class 1).

    Args:
        class_weight, l1_weight, giou_weight: weights of the terms.
        class_cost, l1_cost, giou_cost: weights in the assignment.
        empty_weight: weight of the class "nothing" in the cross entropy.
        eps: added to the areas that IoU divides by, as in the references' box operations.
    """

    class_weight: float = 1.0
    l1_weight: float = 5.0
    giou_weight: float = 2.0
    class_cost: float = 1.0
    l1_cost: float = 5.0
    giou_cost: float = 2.0
    empty_weight: float = 0.1
    eps: float = 1e-6

    def match(
        self, logits: Tensor, boxes: Tensor, targets: Sequence[Tensor], weights: Sequence[Tensor] | None = None
    ) -> Match:
        """Cheapest one-to-one assignment of every sample's targets to its queries.

        Args:
            logits: (B, Q, 2). boxes: (B, Q, 4) cxcywh. targets: per sample (N, 4) cxcywh, N may be 0.
            weights: per sample (N,), weights of the targets; 1 by default.

        Returns:
            min(Q, N) pairs per sample.
        """
        return self.match_layers(logits[None], boxes[None], targets, weights)[0]

    @torch.no_grad()
    def match_layers(
        self, logits: Tensor, boxes: Tensor, targets: Sequence[Tensor], weights: Sequence[Tensor] | None = None
    ) -> list[Match]:
        """:meth:`match` for logits (S, B, Q, 2) and boxes (S, B, Q, 4) of S layers; the device is waited for once."""
        every = torch.cat(list(targets)).to(boxes.device)  # (T, 4)
        counts = [len(target) for target in targets]
        pairs = self._assigned(self.costs(logits, boxes, every).cpu().numpy(), counts)  # (S, 4, M) on the host
        placed = torch.from_numpy(pairs).to(boxes.device)
        count = mean_over_ranks(sum(counts), boxes.device)
        every_weight = None if weights is None else torch.cat(list(weights))
        matches = []
        for sample, query, target, flat in placed:
            weight = boxes.new_ones(len(flat)) if every_weight is None else every_weight[flat]
            matches.append(Match(sample, query, target, every[flat], count, weight))
        return matches

    def costs(self, logits: Tensor, boxes: Tensor, targets: Tensor) -> Tensor:
        """Costs (S, B, Q, T) of logits (S, B, Q, 2) and boxes (S, B, Q, 4) for the targets (T, 4) of all samples."""
        scores, pred = full_precision(logits).softmax(-1)[..., :1], full_precision(boxes)
        giou = aligned_giou(cxcywh_to_xyxy(pred)[..., None, :], cxcywh_to_xyxy(targets), self.eps)
        l1 = torch.cdist(pred.flatten(0, 2), targets, p=1).view_as(giou)
        return self.l1_cost * l1 - self.class_cost * scores - self.giou_cost * giou

    @staticmethod
    def _assigned(costs: NDArray[np.float32], counts: Sequence[int]) -> NDArray[np.int64]:
        """Row, query, target in the sample and target in the batch of every pair (S, 4, M)."""
        from scipy.optimize import linear_sum_assignment  # imported late: takes half a second

        starts = np.cumsum([0, *counts])
        costs = np.nan_to_num(costs)  # the loss of a diverged model drops the step
        layers = []
        for layer in costs:
            parts = []
            for row, (start, end) in enumerate(itertools.pairwise(starts)):
                query, target = linear_sum_assignment(layer[row, :, start:end])
                parts.append(np.stack((np.full_like(query, row), query, target, target + start)))
            layers.append(np.concatenate(parts, axis=1))
        return np.stack(layers).astype(np.int64)

    def __call__(self, logits: Tensor, boxes: Tensor, matches: Sequence[Match]) -> dict[str, Tensor]:
        """Weighted terms of every layer: ``class``, ``bbox``, ``giou`` of the last, ``class_0`` of the first, ...

        Args:
            logits: (S, B, Q, 2) of S layers. boxes: (S, B, Q, 4) cxcywh. matches: of every layer.
        """
        terms = {}
        for layer, match in enumerate(matches):
            suffix = "" if layer == len(matches) - 1 else f"_{layer}"
            for name, value in self.terms(logits[layer], boxes[layer], match).items():
                terms[name + suffix] = value
        return terms

    def terms(self, logits: Tensor, boxes: Tensor, match: Match) -> dict[str, Tensor]:
        """Weighted terms of one layer, logits (B, Q, 2) and boxes (B, Q, 4), for a given assignment."""
        labels = torch.ones(logits.shape[:2], dtype=torch.long, device=logits.device)
        labels[match.sample, match.query] = 0
        logits = full_precision(logits)
        entropy = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), self._class_weights(logits))
        l1, giou = self.box_terms(boxes, match)
        return {
            "class": self.class_weight * entropy,
            "bbox": self.l1_weight * l1.sum() / match.count,
            "giou": self.giou_weight * giou.sum() / match.count,
        }

    def _class_weights(self, logits: Tensor) -> Tensor:
        """(2,) weights of a target and of none; made on the device, without a copy from the host."""
        return torch.cat((logits.new_ones(1), logits.new_full((1,), self.empty_weight)))

    def box_terms(self, boxes: Tensor, match: Match) -> tuple[Tensor, Tensor]:
        """L1 distance and 1 - GIoU (M,) of the assigned pairs, unweighted."""
        pred = full_precision(boxes[match.sample, match.query])
        giou = aligned_giou(cxcywh_to_xyxy(pred), cxcywh_to_xyxy(match.boxes_cxcywh), self.eps)
        return (pred - match.boxes_cxcywh).abs().sum(-1), 1 - giou

    def weighted(self, logits: Tensor, boxes: Tensor, match: Match, index_by_target: bool = False) -> dict[str, Tensor]:
        """Weighted terms of one layer, with every pair's box terms multiplied by the weight of its target.

        Args:
            logits, boxes: (B, Q, 2) and (B, Q, 4).
            match: the assignment.
            index_by_target: give the full class weight to the queries whose number is that of a target, as SimVG's
                released code does, instead of to the matched queries.
        """
        labels = torch.ones(logits.shape[:2], dtype=torch.long, device=logits.device)
        labels[match.sample, match.query] = 0
        logits = full_precision(logits)
        query_weights = torch.full(logits.shape[:2], self.empty_weight, device=logits.device)
        query_weights[match.sample, match.target if index_by_target else match.query] = 1.0
        entropy = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), self._class_weights(logits), reduction="none")
        l1, giou = self.box_terms(boxes, match)
        return {
            "class": self.class_weight * (entropy.view(labels.shape) * query_weights).mean(1).sum(),
            "bbox": self.l1_weight * (l1 * match.weights).sum() / match.count,
            "giou": self.giou_weight * (giou * match.weights).sum() / match.count,
        }


def mean_over_ranks(count: float, device: torch.device) -> Tensor:
    """The mean of a count over all processes, at least 1."""
    total = torch.full((), float(count), device=device)
    all_reduce(total)
    return (total / get_world_size()).clamp(min=1)
