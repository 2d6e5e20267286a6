"""Any number of boxes from queries (DETR), in one branch or in a decoder and a cheap student (SimVG)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.heads.base import Head
from rgbtvg.models.layers import MLP
from rgbtvg.models.layers.precision import full_precision
from rgbtvg.models.losses import Match, SetCriterion
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample, Prediction
from rgbtvg.structures.boxes import aligned_iou, boxes_from_logits, cxcywh_to_xyxy, xyxy_to_cxcywh

Answers = tuple[Tensor, Tensor]
FRAMES = ("input", "image")
DISTILLATIONS = ("hard", "weighted", "weighted_by_target")


class QueryPredictor(nn.Module):
    """Class and box of every query, with the same weights for every layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.classify = nn.Linear(width, 2)
        self.box_mlp = MLP((width, width, width, 4))

    def forward(self, states: Tensor, centre: Tensor | None = None) -> Answers:
        """(S, B, Q, D) of S layers -> logits (S, B, Q, 2), class 0 is an object, and boxes (S, B, Q, 4) cxcywh.

        Args:
            states: (S, B, Q, D).
            centre: (B, 2), (x, y) in [0, 1]: reference point, see :func:`boxes_from_logits`.
        """
        centres = None if centre is None else centre[:, None]
        return full_precision(self.classify(states)), boxes_from_logits(self.box_mlp(states), centres)


@MODELS.register_module()
class SetHead(Head):
    """Boxes and scores of the decoder's queries, matched one to one with the targets.

    Args:
        width: channels of the queries.
        single: answer with the best query's box alone (one object per sentence), or with all boxes and their scores.
        frame: what a box is relative to inside the head: the padded ``'input'``, or the ``'image'`` in its top-left
            corner, as in the released code of SimVG and ALVG. It makes no difference where images fill the input, as
            in their recipes.
        criterion: values of :class:`SetCriterion`.
        supervise_layers: whether every decoder layer is supervised, or the last one alone.
    """

    has_token_branch = False

    def __init__(
        self,
        width: int = 256,
        single: bool = True,
        frame: str = "input",
        criterion: dict | None = None,
        supervise_layers: bool = True,
    ) -> None:
        super().__init__()
        if frame not in FRAMES:
            raise ConfigError(f"frame must be one of {', '.join(FRAMES)}, got {frame!r}")
        self.decoder_predictor = QueryPredictor(width)
        self.single = single
        self.frame = frame
        self.criterion = SetCriterion(**(criterion or {}))
        self.supervise_layers = supervise_layers

    def forward(self, decoder_states: Tensor, centre: Tensor | None = None) -> dict[str, Any]:
        """States (S, B, Q, D) of S layers -> ``decoder`` (logits, boxes), offsets from `centre` (B, 2) where given."""
        return {"decoder": self.decoder_predictor(decoder_states, centre)}

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> dict[str, Any]:
        """``decoder``: the :class:`Match` of every supervised decoder layer."""
        boxes = self.target_boxes(outputs, data_samples)
        return {"decoder": self.criterion.match_layers(*self.supervised(outputs), boxes)}

    def loss(self, outputs: dict[str, Any], targets: dict[str, Any]) -> dict[str, Tensor]:
        """Terms of the supervised decoder layers."""
        return named_losses("decoder", self.criterion(*self.supervised(outputs), targets["decoder"]))

    def supervised(self, outputs: dict[str, Any]) -> Answers:
        """Logits (S, B, Q, 2) and boxes (S, B, Q, 4) of the supervised decoder layers."""
        logits, boxes = outputs["decoder"]
        first = 0 if self.supervise_layers else -1
        return logits[first:], boxes[first:]

    def target_boxes(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> list[Tensor]:
        """Target boxes (N, 4) of every sample, relative to the head's frame."""
        boxes = outputs["decoder"][1]
        return [
            sample.gt_boxes_cxcywh.to(boxes) / scale
            for sample, scale in zip(data_samples, self._frame_scales(outputs), strict=True)
        ]

    def _frame_scales(self, outputs: dict[str, Any]) -> Tensor:
        """(B, 4): the frame's sides as shares of the padded input."""
        shares = outputs["image_share"]
        return torch.cat((shares, shares), dim=-1) if self.frame == "image" else torch.ones_like(shares).repeat(1, 2)

    def input_boxes(self, outputs: dict[str, Any], boxes: Tensor) -> Tensor:
        """Boxes (B, Q, 4) of the head's frame, limited to it, relative to the padded input."""
        limited = xyxy_to_cxcywh(cxcywh_to_xyxy(boxes).clamp(0, 1))
        return limited * self._frame_scales(outputs)[:, None]

    def answers(self, outputs: dict[str, Any]) -> Answers:
        """Logits (B, Q, 2) and boxes (B, Q, 4) that predictions are made of."""
        logits, boxes = outputs["decoder"]
        return logits[-1], boxes[-1]

    def predict(self, outputs: dict[str, Any]) -> list[Prediction]:
        """Boxes with scores, best first; boxes without area are left out as long as others remain."""
        logits, boxes = self.answers(outputs)
        scores = logits.softmax(-1)[..., 0]
        return self.rank(scores, self.input_boxes(outputs, boxes))

    def rank(self, scores: Tensor, boxes: Tensor) -> list[Prediction]:
        """Predictions of scores (B, Q) and boxes (B, Q, 4)."""
        most = self.most_boxes or (1 if self.single else None)
        predictions = []
        for score, box in zip(scores, boxes, strict=True):
            solid = (box[:, 2:] > 0).all(-1)
            if solid.any():
                score, box = score[solid], box[solid]
            order = score.argsort(descending=True, stable=True)[:most]
            predictions.append(Prediction(box[order], score[order]))
        return predictions


@MODELS.register_module()
class TwoBranchHead(SetHead):
    """SimVG's head: a decoder, and a linear student on the class token that learns from the targets and from the
    decoder.

    With `balanced` the decoder's confidence omega, the mean of score times overlap over its matched boxes, says how
    much
    the student listens to it: ``token_weight * (1 - omega) * S(student, targets) + distill_weight * omega * S(student,
    decoder)`` (dynamic weight-balance distillation, Dai et al. 2024, section 3.4).

    Args:
        width: see :class:`SetHead`.
        decoder_weight, token_weight, distill_weight: weights of the decoder's loss and of the student's two. Without
            the last two there is no student.
        balanced: see above; off, the weights are used as they are.
        distill: ``'hard'``: the decoder's boxes are targets like any other. ``'weighted'``: each counts as much as the
            decoder trusts it; ``'weighted_by_target'``: with the released code's slip in the class weights (see
            :meth:`SetCriterion.weighted`). With `balanced` always ``'hard'``.
        confidence: ``'score_iou'``, or ``'score'`` to take every query above `min_score` as a target, unmatched.
        min_score: see `confidence`.
        num_token_layers: linear layers of the student; 0 for none.
        supervise_token_layers: whether the student's earlier layers are supervised too.
        share_predictor: whether both branches use the same class and box layers.
        answer: ``'decoder'`` or ``'token'``, the branch that predicts.
        kwargs: see :class:`SetHead`.
    """

    def __init__(
        self,
        width: int = 256,
        decoder_weight: float = 1.0,
        token_weight: float = 0.0,
        distill_weight: float = 0.0,
        balanced: bool = True,
        distill: str = "hard",
        confidence: str = "score_iou",
        min_score: float = 0.0,
        num_token_layers: int = 1,
        supervise_token_layers: bool = False,
        share_predictor: bool = False,
        answer: str = "decoder",
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        self.decoder_weight = decoder_weight
        self.token_weight = token_weight
        self.distill_weight = distill_weight
        self.balanced = balanced
        self.distill = distill
        self.confidence = confidence
        self.min_score = min_score
        self.supervise_token_layers = supervise_token_layers
        self.answer = answer
        self.has_token_branch = token_weight > 0 or distill_weight > 0
        for value, known in ((distill, DISTILLATIONS), (confidence, ("score_iou", "score"))):
            if value not in known:
                raise ConfigError(f"{value!r} is not one of {', '.join(known)}")
        if answer not in ("decoder", "token") or (answer == "token" and not self.has_token_branch):
            raise ConfigError(
                f"answer={answer!r}: say 'decoder', or 'token' with a token_weight or distill_weight above 0"
            )
        if self.has_token_branch:
            self.token_layers = nn.ModuleList(nn.Linear(width, width) for _ in range(num_token_layers))
            self.token_predictor = self.decoder_predictor if share_predictor else QueryPredictor(width)

    def forward(
        self, decoder_states: Tensor, centre: Tensor | None = None, token_queries: Tensor | None = None
    ) -> dict[str, Any]:
        """Both branches.

        Args:
            decoder_states: (S, B, Q, D) of S decoder layers.
            centre: see :class:`QueryPredictor`.
            token_queries: (B, Q, D), queries plus class token.

        Returns:
            ``decoder`` and, with a student, ``token``: (logits, boxes) of each one's layers; ``token_states``.
        """
        outputs = super().forward(decoder_states, centre)
        if self.has_token_branch and token_queries is not None:
            outputs["token_states"] = self._token_states(token_queries)
            outputs["token"] = self.token_predictor(outputs["token_states"], centre)
        return outputs

    def _token_states(self, x: Tensor) -> Tensor:
        """(B, Q, D) -> (T, B, Q, D), the outputs of the student's T layers; ReLU between them."""
        if not self.token_layers:
            return x[None]
        states = []
        for index, layer in enumerate(self.token_layers):
            x = layer(x)
            if index < len(self.token_layers) - 1:
                x = x.relu()
            states.append(x)
        return torch.stack(states)

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> dict[str, Any]:
        """Matches ``decoder``, ``token`` and ``distill`` per supervised layer; ``omega``, the weight of the teacher."""
        targets = super().targets(outputs, data_samples)
        if not self.has_token_branch:
            return targets
        boxes = self.target_boxes(outputs, data_samples)
        teacher, trust = self.teacher_targets(outputs, targets["decoder"][-1])
        if self.balanced:
            # A batch without targets has no confidence.
            no_target = outputs["decoder"][0].new_zeros(())
            targets["omega"] = torch.cat(trust).mean() if sum(map(len, trust)) else no_target
        student = self.supervised_student(outputs)
        if self.token_weight:
            targets["token"] = self.criterion.match_layers(*student, boxes)
        if self.distill_weight:
            targets["distill"] = self.criterion.match_layers(*student, teacher, trust)
        return targets

    def loss(self, outputs: dict[str, Any], targets: dict[str, Any]) -> dict[str, Tensor]:
        """Terms of both branches; ``distill_share`` is omega."""
        decoder = self.criterion(*self.supervised(outputs), targets["decoder"])
        losses = named_losses("decoder", decoder, self.decoder_weight)
        if not self.has_token_branch:
            return losses
        token_weight: Tensor | float = self.token_weight
        distill_weight: Tensor | float = self.distill_weight
        if self.balanced:
            losses["distill_share"] = omega = targets["omega"]
            token_weight, distill_weight = token_weight * (1 - omega), distill_weight * omega
        student = self.supervised_student(outputs)
        if self.token_weight:
            losses.update(named_losses("token", self.criterion(*student, targets["token"]), token_weight))
        if self.distill_weight:
            if self.balanced or self.distill == "hard":
                terms = self.criterion(*student, targets["distill"])
            else:
                logits, boxes = student
                by_target = self.distill == "weighted_by_target"
                terms = self.criterion.weighted(logits[-1], boxes[-1], targets["distill"][-1], by_target)
            losses.update(named_losses("distill", terms, distill_weight))
        return losses

    def supervised_student(self, outputs: dict[str, Any]) -> Answers:
        """Logits (T, B, Q, 2) and boxes (T, B, Q, 4) of the supervised layers of the student."""
        logits, boxes = outputs["token"]
        first = 0 if self.supervise_token_layers else -1
        return logits[first:], boxes[first:]

    @torch.no_grad()
    def teacher_targets(self, outputs: dict[str, Any], match: Match) -> tuple[list[Tensor], list[Tensor]]:
        """The decoder's boxes (N, 4) per sample and their confidence (N,).

        Args:
            outputs: of the model.
            match: of the last decoder layer.
        """
        logits, boxes = (answer[-1].detach() for answer in outputs["decoder"])
        scores = logits.softmax(-1)[..., 0]
        if self.confidence == "score":
            kept = scores > self.min_score
            return [box[k] for box, k in zip(boxes, kept, strict=True)], [
                s[k] for s, k in zip(scores, kept, strict=True)
            ]
        pred = boxes[match.sample, match.query]
        overlap = aligned_iou(cxcywh_to_xyxy(pred), cxcywh_to_xyxy(match.boxes_cxcywh), self.criterion.eps)
        sizes = match.sample.bincount(minlength=len(boxes)).tolist()
        return list(pred.split(sizes)), list((scores[match.sample, match.query] * overlap).split(sizes))

    def answers(self, outputs: dict[str, Any]) -> Answers:
        logits, boxes = outputs[self.answer]
        return logits[-1], boxes[-1]


def named_losses(branch: str, terms: dict[str, Tensor], weight: Tensor | float = 1.0) -> dict[str, Tensor]:
    """Terms of a criterion as losses of a branch."""
    return {f"loss_{branch}_{name}": weight * term for name, term in terms.items()}
