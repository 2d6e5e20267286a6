"""Explain one prediction: the network's input, its tokens, its attention maps and the kind of mistake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from rgbtvg.datasets.masks import decode_union
from rgbtvg.datasets.transforms import Tokenize
from rgbtvg.evaluation import mistake
from rgbtvg.evaluation.grounding_metric import best_box_iou
from rgbtvg.evaluation.sample_metric import make_row
from rgbtvg.models.grounders.base import BaseGrounder
from rgbtvg.models.losses.attention import box_regions
from rgbtvg.structures import STREAM_TITLES as TITLES
from rgbtvg.structures import GroundingInputs, GroundingSample
from rgbtvg.visualization import draw_explanation, draw_grounding, overlay_heat, save_image


@dataclass(frozen=True)
class StreamView:
    """The network's input of one stream.

    Args:
        image: the padded input, denormalised; padding has the mean colour.
        mean, std: of the normalisation, on [0, 1], one value per channel or one for all.
        low, high: smallest and largest input value outside the padding.
        name: name of the thermal normalisation; empty for RGB.
    """

    image: Image.Image
    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: float
    high: float
    name: str = ""

    def __str__(self) -> str:
        mean, std = (", ".join(f"{value:.3f}" for value in values) for values in (self.mean, self.std))
        normalised = f"thermal, normalised as {self.name!r}" if self.name else "RGB"
        return f"{normalised}: mean {mean}, std {std}; values {self.low:.2f} to {self.high:.2f}"


@dataclass(frozen=True)
class Explanation:
    """The result of :meth:`GroundingInferencer.explain`.

    Args:
        row: as in a predictions file, with ``iou`` and ``mistake`` (:data:`rgbtvg.evaluation.MISTAKES`) where the truth
            is known; without ``gt_boxes_xyxy`` where it is not.
        images: stream -> image as it was loaded, in the frame of the row's boxes.
        views: stream -> the network's input.
        gt_boxes_xyxy_input, pred_boxes_xyxy_input: (N, 4) xyxy in pixels of the network's input.
        tokens: tokens of the expression.
        tokens_cut: number of tokens that did not fit.
        maps: name -> (h, w), where the method looked, over the network's input; see :meth:`BaseGrounder.relevance`.
        looked_at: name of a map -> ``peak`` (x, y) in pixels of the image and, where the truth is known, ``in_truth``,
            the share of the map inside the true boxes.
        word_weights: weight of every token, for methods that attend to words one by one.
        masks: ``gt_mask`` and ``pred_mask`` (H, W) bool, where there are some.
    """

    row: dict[str, Any]
    images: dict[str, Image.Image]
    views: dict[str, StreamView]
    gt_boxes_xyxy_input: list[list[float]]
    pred_boxes_xyxy_input: list[list[float]]
    tokens: list[str]
    tokens_cut: int
    maps: dict[str, NDArray[np.float32]]
    looked_at: dict[str, dict[str, Any]]
    word_weights: list[float] | None = None
    masks: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Everything but the images, as plain data: one line of JSON."""
        inputs = {
            stream: dict(mean=view.mean, std=view.std, low=round(view.low, 4), high=round(view.high, 4))
            | ({"thermal_normalisation": view.name} if view.name else {})
            for stream, view in self.views.items()
        }
        return {
            **self.row,
            "tokens": self.tokens,
            "tokens_cut": self.tokens_cut,
            "word_weights": self.word_weights,
            "network_input": inputs,
            "looked_at": self.looked_at,
        }

    def draw(self, width: int = 480) -> Image.Image:
        """A page; `width` is that of one image of the pair in pixels."""
        row = self.row
        answer = draw_grounding(
            self.images,
            row["expression"],
            gt_boxes_xyxy=row.get("gt_boxes_xyxy", ()),
            pred_boxes_xyxy=row["pred_boxes_xyxy"],
            iou=row.get("iou"),
            note=row.get("mistake", ""),
            width=width,
            **self.masks,
        )
        maps: dict[str, dict[str, Image.Image]] = {}
        for name, values in self.maps.items():
            # A map of one stream goes over its own image, beside the other; any other map over both.
            stream = next((stream for stream in self.views if name.endswith(f" {stream}")), None)
            kind = name.removesuffix(f" {stream}")
            for own in [stream] if stream else self.views:
                title = TITLES[own]
                if "in_truth" in self.looked_at[name]:
                    title = f"{title}, {self.looked_at[name]['in_truth']:.0%} in the truth"
                maps.setdefault(kind, {})[title] = overlay_heat(self.views[own].image, values)
        return draw_explanation(
            answer,
            {TITLES[stream]: view.image for stream, view in self.views.items()},
            maps,
            self.lines(),
            width=width,
            title=row["sample_id"],
            gt_boxes_xyxy=self.gt_boxes_xyxy_input,
            pred_boxes_xyxy=self.pred_boxes_xyxy_input,
        )

    def lines(self) -> list[str]:
        """The figures as text."""
        row = self.row
        lines = []
        if "iou" in row:
            lines.append(f"{row['mistake']} (IoU {row['iou']:.3f}): true {_boxes(row['gt_boxes_xyxy'])}")
        scores = ", ".join(f"{score:.3f}" for score in row["pred_scores"])
        lines.append(f"predicted {_boxes(row['pred_boxes_xyxy'])}, score {scores or 'none'}")
        lines += [str(view) for view in self.views.values()]
        tokens = list(self.tokens)
        if self.word_weights:
            tokens = [f"{token} {weight:.2f}" for token, weight in zip(tokens, self.word_weights, strict=True)]
        lines.append(f"tokens: {' | '.join(tokens)}" + f"; {self.tokens_cut} more were cut" * bool(self.tokens_cut))
        if row["conditions"]:
            lines.append(", ".join(f"{name} {value}" for name, value in row["conditions"].items()))
        return lines

    def save(self, path: str | Path) -> None:
        """Draw the page and write it."""
        save_image(self.draw(), path)

    def json_line(self, **more: Any) -> str:
        """:meth:`as_json`, and `more`, on one line."""
        return json.dumps({**self.as_json(), **more}, ensure_ascii=False)


def explain(
    model: BaseGrounder,
    batch: Mapping[str, Any],
    images: dict[str, Image.Image],
    tokenize: Tokenize | None,
    others: Sequence[Sequence[float]] = (),
) -> Explanation:
    """Run a model on a batch of one sample and collect its intermediate results.

    Args:
        model: in evaluation mode.
        batch: of MMEngine's `pseudo_collate`.
        images: stream -> image as loaded.
        tokenize: the transform that made the token ids; None where there is none.
        others: boxes of other things in the image, see :func:`rgbtvg.evaluation.mistake`.
    """
    data = model.data_preprocessor(batch)
    inputs: GroundingInputs = data["inputs"]
    outputs = model.encode(inputs)
    maps = {name: values[0].float().cpu() for name, values in model.relevance(outputs).items()}
    (sample,) = model.predictions(outputs, data["data_samples"])
    row = _row(sample, others)
    tokens, cut = _tokens(sample, tokenize)
    weights = outputs["word_weights"][0].mean(0)[: len(tokens)].tolist() if "word_weights" in outputs else None
    return Explanation(
        row=row,
        images=images,
        views={stream: _view(model, inputs, stream) for stream in model.streams},
        gt_boxes_xyxy_input=_to_input(sample, row.get("gt_boxes_xyxy", [])),
        pred_boxes_xyxy_input=_to_input(sample, row["pred_boxes_xyxy"]),
        tokens=tokens,
        tokens_cut=cut,
        maps={name: values.numpy() for name, values in maps.items()},
        looked_at={name: _looked_at(values, sample) for name, values in maps.items()},
        word_weights=weights and [round(weight, 4) for weight in weights],
        masks=_masks(sample),
    )


def _row(sample: GroundingSample, others: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The row of a predictions file, with the IoU and the kind of mistake where the truth is known."""
    fields = sample.to_dict()
    row = make_row({"gt_boxes_xyxy": torch.zeros(0, 4), **fields})
    if "gt_boxes_xyxy" in fields:
        return row | {
            "iou": best_box_iou(row["pred_boxes_xyxy"], row["gt_boxes_xyxy"]),
            "mistake": mistake(row, others),
        }
    return {name: value for name, value in row.items() if name != "gt_boxes_xyxy"}


def _view(model: BaseGrounder, inputs: GroundingInputs, stream: str) -> StreamView:
    preprocessor = model.data_preprocessor
    mean, std = getattr(preprocessor, f"{stream}_mean"), getattr(preprocessor, f"{stream}_std")  # (C', 1, 1)
    image = inputs.images[stream][0]  # (C, H, W)
    seen = image[:, ~inputs.padding_mask[0]]
    pixels = ((image * std + mean).clamp(0, 1) * 255).round().byte().cpu().numpy().transpose(1, 2, 0)  # (H, W, C)
    return StreamView(
        Image.fromarray(pixels if stream == "rgb" else pixels[..., 0]),
        tuple(round(value, 4) for value in mean.flatten().tolist()),
        tuple(round(value, 4) for value in std.flatten().tolist()),
        seen.min().item(),
        seen.max().item(),
        "" if stream == "rgb" else preprocessor.thermal_normalisation,
    )


def _tokens(sample: GroundingSample, tokenize: Tokenize | None) -> tuple[list[str], int]:
    """Tokens that were read, and the number of those that were not."""
    if tokenize is None:
        return [], 0
    return tokenize.tokens(sample.token_ids[~sample.token_padding_mask].tolist()), tokenize.num_cut(sample.expression)


def _to_input(sample: GroundingSample, boxes: list[list[float]]) -> list[list[float]]:
    return sample.frame.to_input(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)).tolist()


def _looked_at(values: Tensor, sample: GroundingSample) -> dict[str, Any]:
    """Peak of a map (h, w) in the image, and its share in the truth."""
    (rows, columns), (height, width) = values.shape, sample.input_shape
    row, column = divmod(int(values.argmax()), columns)
    x, y = (column + 0.5) * width / columns, (row + 0.5) * height / rows
    peak = sample.frame.to_image(torch.tensor([x, y, x, y]))[:2].tolist()
    found: dict[str, Any] = {"peak": [round(value, 1) for value in peak]}
    if "gt_boxes_cxcywh" in sample and len(sample.gt_boxes_cxcywh):
        covered = box_regions(sample.gt_boxes_cxcywh.cpu().float(), (height, width), (rows, columns)).amax(0)  # (h, w)
        found["in_truth"] = round(((values * covered).sum() / values.sum().clamp(min=1e-12)).item(), 4)
    return found


def _masks(sample: GroundingSample) -> dict[str, NDArray[np.bool_]]:
    masks = {}
    if "pred_mask" in sample:
        masks["pred_mask"] = sample.pred_mask.cpu().numpy()
        if "gt_rles" in sample:
            masks["gt_mask"] = decode_union(sample.gt_rles, sample.ori_shape)
    return masks


def _boxes(boxes: list[list[float]]) -> str:
    """Boxes in words, x0 y0 x1 y1."""
    return ", ".join(" ".join(f"{value:.0f}" for value in box) for box in boxes) or "no box"
