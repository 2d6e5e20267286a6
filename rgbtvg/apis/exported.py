"""Run ONNX models that `tools/export.py` wrote.

An ONNX file is data: its graph holds operators of ONNX only, and its metadata is checked here before anything is built
from it. A ``.pt2`` file of `torch.export` holds pickles that can run any code, so it is never loaded here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rgbtvg.datasets import transforms
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.structures import MODALITY_STREAMS, GroundingSample

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
KEY = "rgbtvg"
"""Entry of a file's metadata with everything that running it needs beside the network, as JSON."""
TOKENIZING = ("Tokenize", "MarkKeyWords")
"""Transforms with a tokenizer."""
INPUTS = ("padding_mask", "token_ids", "token_padding_mask")


class ExportedModel:
    """An exported file, with the interface of a grounder that an inferencer uses.

    Args:
        path: an ``.onnx`` file.

    Raises:
        CheckpointError: no such file, it was not written by `tools/export.py`, or it is a ``.pt2`` file.
        ConfigError: `onnxruntime` is not installed.
    """

    most_boxes: int | None = None
    """As of a head; an exported anchor head gives its best box only."""

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        if not path.is_file():
            raise CheckpointError(f"no such file: {path}")
        if path.suffix == SUFFIXES["torch"]:
            raise CheckpointError(
                f"{path} can run code when it is loaded: export to ONNX, or use torch.export.load if you trust it"
            )
        self._run, text = _open_onnx(path)
        if not text:
            raise CheckpointError(f"{path} was not written by tools/export.py: it has no entry {KEY!r}")
        self.facts = _checked_facts(text, path)
        self.name, self.modality = self.facts["model"], self.facts["modality"]
        self.streams = MODALITY_STREAMS[self.modality]

    def pipeline(self, folder: str | Path) -> list[dict[str, Any]]:
        """Configs of the transforms; the tokenizer's files are written to `folder`."""
        for name, text in self.facts["tokenizer"].items():
            Path(folder, Path(name).name).write_text(text, encoding="utf-8")
        steps = [dict(step) for step in self.facts["pipeline"]]
        for step in steps:
            if step["type"] in TOKENIZING:
                step["tokenizer"] = str(folder)
        return steps

    def test_step(self, batch: Mapping[str, Any]) -> list[GroundingSample]:
        """The samples of a batch of `collate_grounding` with ``pred_boxes_xyxy`` and ``pred_scores``."""
        inputs = network_inputs(batch, self.streams)
        boxes, scores = self._run(inputs)
        samples = batch["data_samples"]
        for sample, sample_boxes, sample_scores in zip(samples, boxes, scores, strict=True):
            kept, order = self._ranked(sample_boxes, sample_scores)
            height, width = sample.input_shape
            corners = torch.from_numpy(kept) * torch.tensor([width, height, width, height])
            sample.pred_boxes_xyxy = sample.frame.to_image(corners)
            sample.pred_scores = torch.from_numpy(order)
        return samples

    def _ranked(
        self, boxes: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `SetHead.rank`: boxes with an area, best first."""
        if self.facts["ranked"] is None:
            return boxes, scores
        solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        if solid.any():
            boxes, scores = boxes[solid], scores[solid]
        most = self.most_boxes or (1 if self.facts["ranked"] == "first" else None)
        order = np.argsort(-scores, kind="stable")[:most]
        return boxes[order], scores[order]


def network_inputs(batch: Mapping[str, Any], streams: Sequence[str]) -> dict[str, Tensor]:
    """The tensors that an exported network takes, by name, from a batch of `collate_grounding`."""
    names = [*INPUTS, *(["thermal_valid"] if "thermal_valid" in batch else [])]
    return {**{stream: batch["inputs"][stream] for stream in streams}, **{name: batch[name] for name in names}}


def _open_onnx(path: Path) -> tuple[Any, str | None]:
    try:
        import onnxruntime
    except ImportError:
        raise ConfigError("an ONNX file needs onnxruntime: pip install -e .[export]") from None
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors; it warns about each constant that it cannot fold
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no base class
        raise CheckpointError(f"{path} cannot be read as ONNX: {str(error).splitlines()[0]}") from error
    names = [entry.name for entry in session.get_inputs()]

    def run(inputs: Mapping[str, Tensor]) -> Any:
        return session.run(None, {name: inputs[name.removeprefix("images_")].numpy() for name in names})

    return run, session.get_modelmeta().custom_metadata_map.get(KEY)


def _checked_facts(text: str, path: Path) -> dict[str, Any]:
    """The metadata of a file.

    Raises:
        CheckpointError: it is incomplete, or names anything but the project's own transforms.
    """
    try:
        facts = json.loads(text)
        known = (
            facts["modality"] in MODALITY_STREAMS
            and facts["ranked"] in (None, "first", "all")
            and isinstance(facts["model"], str)
            and all(isinstance(part, str) for item in facts["tokenizer"].items() for part in item)
            and all(_is_transform(step) for step in facts["pipeline"])
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known = False
    if not known:
        raise CheckpointError(
            f"{path} is refused: its entry {KEY!r} is damaged or names classes that are no transforms"
        )
    return facts


def _is_transform(step: Any) -> bool:
    """True if a config names a transform of this project, with plain values; MMEngine would import a dotted name."""
    return (
        isinstance(step, dict)
        and isinstance(step.get("type"), str)
        and step["type"] in transforms.__all__
        and all(name.isidentifier() and not isinstance(value, dict) for name, value in step.items())
        and "tokenizer" not in step
    )
