"""Annotations and predictions of an image pair."""

from __future__ import annotations

from mmengine.structures import BaseDataElement
from torch import Tensor


class GroundingSample(BaseDataElement):
    """One expression about one image (pair): the question, the truth and, after prediction, the answer.

    Meta information:

    - ``sample_id`` (str): unique in the dataset, ``dataset/split/000012``.
    - ``dataset``, ``split`` (str), ``subsets`` (list of str, such as ``testA``), ``conditions`` (dict name -> value).
    - ``expression`` (str), ``image_paths`` (dict modality -> path).
    - ``ori_shape`` (H, W) of the image file; ``input_shape`` (H, W) of the padded network input.
    - ``warnings`` (list of str): why a model may not see or understand the sample, ``kind: details`` each.
    - ``pad_offset`` (left, top) of the image inside the padded input; ``frame`` (:class:`Frame`), image to input.
    - ``thermal_gate`` (float), after a prediction by a model whose neck has a gate: how much of thermal it took.
    - ``no_prediction`` (str), after a prediction without a result: the reason, such as an answer that cannot be read.

    Data fields, present where known; N is the number of targets, 0 for an expression that means nothing in the image:

    - ``token_ids`` (L,) int64 and ``token_padding_mask`` (L,) bool, True where padded.
    - ``gt_boxes_cxcywh`` (N, 4) cxcywh in [0, 1] of the padded input, for the losses.
    - ``gt_boxes_xyxy`` (N, 4) xyxy in pixels of the original image, for metrics and drawings.
    - ``gt_masks`` (N, H, W) uint8 in the padded input.
    - ``pred_boxes_xyxy`` (M, 4) xyxy pixels of the original image, ``pred_scores`` (M,) in [0, 1], best first.
    - ``pred_mask`` (H, W) bool in the original image.
    """

    token_ids: Tensor
    token_padding_mask: Tensor
    gt_boxes_cxcywh: Tensor
    gt_boxes_xyxy: Tensor
    gt_masks: Tensor
    pred_boxes_xyxy: Tensor
    pred_scores: Tensor
    pred_mask: Tensor


def warning_kind(warning: str) -> str:
    """Kind of a warning: its text before the details."""
    return warning.partition(":")[0]
