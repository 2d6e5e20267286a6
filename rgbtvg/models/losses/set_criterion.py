"""Losses of a set of predictions against any number of targets, after a one-to-one assignment (Carion et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.structures.boxes import aligned_giou, cxcywh_to_xyxy

Match = tuple[Tensor, Tensor]


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

    @torch.no_grad()
    def match(self, logits: Tensor, boxes: Tensor, targets: Sequence[Tensor]) -> list[Match]:
        """The cheapest assignment of every sample's targets to its queries.

        Args:
            logits: (B, Q, 2). boxes: (B, Q, 4) cxcywh. targets: per sample (N, 4) cxcywh, N may be 0.

        Returns:
            Per sample the query indices, ascending, and the target of each; both (min(Q, N),).
        """
        from scipy.optimize import linear_sum_assignment  # scipy costs every start half a second

        matches = []
        for scores, pred, target in zip(logits.float().softmax(-1)[..., 0], boxes.float(), targets, strict=True):
            giou = aligned_giou(cxcywh_to_xyxy(pred)[:, None], cxcywh_to_xyxy(target)[None], self.eps)  # (Q, N)
            l1 = torch.cdist(pred, target, p=1)
            cost = self.l1_cost * l1 - self.class_cost * scores[:, None] - self.giou_cost * giou
            queries, picked = linear_sum_assignment(cost.cpu().numpy())
            matches.append((torch.as_tensor(queries, device=pred.device), torch.as_tensor(picked, device=pred.device)))
        return matches

    def __call__(self, logits: Tensor, boxes: Tensor, targets: Sequence[Tensor]) -> dict[str, Tensor]:
        """Weighted terms of every layer's answers: ``class``, ``bbox``, ``giou`` of the last, ``class_0`` of the first
        ...

        Args:
            logits: (S, B, Q, 2) of S layers. boxes: (S, B, Q, 4) cxcywh. targets: per sample (N, 4) cxcywh.
        """
        terms = {}
        for layer, (layer_logits, layer_boxes) in enumerate(zip(logits, boxes, strict=True)):
            suffix = "" if layer == len(logits) - 1 else f"_{layer}"
            matches = self.match(layer_logits, layer_boxes, targets)
            for name, value in self.terms(layer_logits, layer_boxes, targets, matches).items():
                terms[name + suffix] = value
        return terms

    def terms(
        self, logits: Tensor, boxes: Tensor, targets: Sequence[Tensor], matches: Sequence[Match]
    ) -> dict[str, Tensor]:
        """Weighted terms of one layer, logits (B, Q, 2) and boxes (B, Q, 4), under a given assignment."""
        labels = torch.ones(logits.shape[:2], dtype=torch.long, device=logits.device)
        for sample, (queries, _) in enumerate(matches):
            labels[sample, queries] = 0
        class_weights = logits.new_tensor([1.0, self.empty_weight], dtype=torch.float32)
        l1, giou = self.box_terms(boxes, targets, matches)
        count = mean_over_ranks(sum(len(target) for target in targets), boxes.device)
        return {
            "class": self.class_weight * F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), class_weights),
            "bbox": self.l1_weight * l1.sum() / count,
            "giou": self.giou_weight * giou.sum() / count,
        }

    def box_terms(self, boxes: Tensor, targets: Sequence[Tensor], matches: Sequence[Match]) -> tuple[Tensor, Tensor]:
        """L1 distance and 1 - GIoU (M,) of the M assigned pairs, sample by sample, unweighted."""
        pred, target = paired_boxes(boxes, targets, matches)
        giou = aligned_giou(cxcywh_to_xyxy(pred), cxcywh_to_xyxy(target), self.eps)
        return (pred - target).abs().sum(-1), 1 - giou

    def weighted(
        self,
        logits: Tensor,
        boxes: Tensor,
        targets: Sequence[Tensor],
        trust: Sequence[Tensor],
        index_by_target: bool = False,
    ) -> dict[str, Tensor]:
        """Weighted terms of one layer in which every target counts as much as it is trusted.

        Args:
            logits, boxes: (B, Q, 2) and (B, Q, 4).
            targets, trust: per sample (N, 4) and (N,).
            index_by_target: give the full class weight to the queries whose number is that of a target, as SimVG's
                released code does, instead of to the matched queries.
        """
        matches = self.match(logits, boxes, targets)
        trusted = torch.cat([weights[picked] for weights, (_, picked) in zip(trust, matches, strict=True)])
        labels = torch.ones(logits.shape[:2], dtype=torch.long, device=logits.device)
        query_weights = torch.full(logits.shape[:2], self.empty_weight, device=logits.device)
        for sample, (queries, picked) in enumerate(matches):
            labels[sample, queries] = 0
            query_weights[sample, picked if index_by_target else queries] = 1.0
        class_weights = logits.new_tensor([1.0, self.empty_weight], dtype=torch.float32)
        entropy = F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), class_weights, reduction="none").view(
            labels.shape
        )
        l1, giou = self.box_terms(boxes, targets, matches)
        count = mean_over_ranks(sum(len(target) for target in targets), boxes.device)
        return {
            "class": self.class_weight * (entropy * query_weights).mean(1).sum(),
            "bbox": self.l1_weight * (l1 * trusted).sum() / count,
            "giou": self.giou_weight * (giou * trusted).sum() / count,
        }


def paired_boxes(boxes: Tensor, targets: Sequence[Tensor], matches: Sequence[Match]) -> tuple[Tensor, Tensor]:
    """Assigned boxes (B, Q, 4) and their targets, both (M, 4), sample by sample."""
    pred = torch.cat([sample[queries] for sample, (queries, _) in zip(boxes, matches, strict=True)])
    target = torch.cat([target[picked] for target, (_, picked) in zip(targets, matches, strict=True)])
    return pred.float(), target.to(pred).float()


def mean_over_ranks(count: float, device: torch.device) -> Tensor:
    """The mean of a count over all processes, at least 1."""
    total = torch.tensor(float(count), device=device)
    all_reduce(total)
    return (total / get_world_size()).clamp(min=1)
