"""Export a trained model to ONNX or to a `torch.export` program, and run such files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import NDArray
from torch import Tensor, nn

from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.structures import MODALITY_STREAMS, GroundingInputs, GroundingSample
from rgbtvg.structures.boxes import cxcywh_to_xyxy

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
KEY = "rgbtvg"
"""Entry of a file's metadata with everything that running it needs beside the network, as JSON."""
INPUTS = ("padding_mask", "token_ids", "token_mask")


class ExportedGrounder(nn.Module):
    """A grounder as a function of tensors: from 8-bit images and token ids to boxes and scores.

    Args:
        model: in evaluation mode.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, images: dict[str, Tensor], padding_mask: Tensor, token_ids: Tensor, token_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Boxes (B, Q, 4) xyxy in [0, 1] of the padded input, and scores (B, Q).

        Args:
            images: stream -> uint8 (B, C, H, W), C being 3 for RGB and 1 for thermal.
            padding_mask: (B, H, W) bool, True where padded.
            token_ids: (B, L) int64.
            token_mask: (B, L) bool, True at tokens.
        """
        from rgbtvg.models.heads.set_head import SetHead

        model: Any = self.model
        normalised = {
            stream: model.data_preprocessor._normalise(stream, image, padding_mask) for stream, image in images.items()
        }
        outputs = model.encode(GroundingInputs(normalised, padding_mask, token_ids, token_mask))
        if isinstance(model.head, SetHead):
            logits, boxes = model.head.answers(outputs)
            scores, boxes = logits.float().softmax(-1)[..., 0], model.head.input_boxes(outputs, boxes)
        else:
            boxes = outputs["pred_boxes"][:, None]
            scores = outputs["pred_scores"][:, None] if "pred_scores" in outputs else boxes.new_ones(boxes.shape[:2])
        return cxcywh_to_xyxy(boxes.float()).clamp(0, 1), scores.float()


def export_checkpoint(
    checkpoint: str | Path,
    target: str | Path,
    format: str = "onnx",
    config: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Export a checkpoint with its preprocessing; the batch size stays free, low-rank updates are merged.

    Args:
        checkpoint: checkpoint to read.
        target: file to write, ``.onnx`` or ``.pt2``.
        format: ``'onnx'`` or ``'torch'``.
        config: config of a checkpoint that has none.
        options: overrides of the config.

    Raises:
        ConfigError: the suffix is not that of the format, or `onnxscript` is not installed.
        CheckpointError: see :class:`rgbtvg.GroundingInferencer`.
    """
    from rgbtvg.apis.inferencer import GroundingInferencer

    target = Path(target)
    if format not in SUFFIXES or target.suffix != SUFFIXES[format]:
        raise ConfigError(f"a file of format {format} must end in {SUFFIXES.get(format, '.onnx or .pt2')}: {target}")
    weights = (checkpoint,) if config is None else (config, checkpoint)
    find = GroundingInferencer(*weights, device="cpu", options=options)
    with tempfile.TemporaryDirectory() as folder:
        facts = {**_facts(find.model), "pipeline": _portable(find.steps), "tokenizer": _tokenizer_files(find, folder)}
    target.parent.mkdir(parents=True, exist_ok=True)
    export_model(find.model, find.example_batch(2), target, facts)


@torch.no_grad()
def export_model(model: Any, batch: Mapping[str, Any], target: Path, facts: Mapping[str, Any]) -> None:
    """Export a model.

    Args:
        model: in evaluation mode; its low-rank updates are merged.
        batch: an example of `collate_grounding` with two or more samples.
        target: file to write, ``.onnx`` or ``.pt2``.
        facts: metadata of the file.
    """
    if hasattr(model, "merge_adapters"):
        model.merge_adapters()
    inputs = network_inputs(batch, model.streams, model.data_preprocessor.pad_id)
    images = {stream: inputs[stream] for stream in model.streams}
    arguments = (images, *(inputs[name] for name in INPUTS))
    free = {0: torch.export.Dim.DYNAMIC}
    shapes = (dict.fromkeys(images, free), *(free for _ in INPUTS))
    program = torch.export.export(ExportedGrounder(model).eval(), arguments, dynamic_shapes=shapes, strict=False)
    if target.suffix == ".pt2":
        torch.export.save(program, target, extra_files={KEY: json.dumps(facts)})
        return
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise ConfigError("export to ONNX needs onnx and onnxscript: pip install -e .[export]") from None
    # The optimizer of onnxscript fails on some of the graphs; ONNX Runtime optimizes them when it loads them.
    onnx_program = torch.onnx.export(program, dynamo=True, optimize=False, verbose=False)
    onnx_program.model.metadata_props[KEY] = json.dumps(facts)
    onnx_program.save(str(target))


class ExportedModel:
    """An exported file, with the interface of a grounder that an inferencer uses.

    Args:
        path: ``.onnx`` or ``.pt2``.

    Raises:
        CheckpointError: no such file, or it was not written by `tools/export.py`.
        ConfigError: `onnxruntime` is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        if not path.is_file():
            raise CheckpointError(f"no such file: {path}")
        self._run, text = _open_onnx(path) if path.suffix == ".onnx" else _open_program(path)
        if not text:
            raise CheckpointError(f"{path} was not written by tools/export.py: it has no entry {KEY!r}")
        self.facts: dict[str, Any] = json.loads(text)
        self.name, self.modality = self.facts["model"], self.facts["modality"]
        self.streams = MODALITY_STREAMS[self.modality]

    def pipeline(self, folder: str | Path) -> list[dict[str, Any]]:
        """Configs of the transforms; the tokenizer's files are written to `folder`."""
        for name, text in self.facts["tokenizer"].items():
            Path(folder, Path(name).name).write_text(text, encoding="utf-8")
        steps = [dict(step) for step in self.facts["pipeline"]]
        for step in steps:
            if step["type"] == "Tokenize":
                step["tokenizer"] = str(folder)
        return steps

    def test_step(self, batch: Mapping[str, Any]) -> list[GroundingSample]:
        """The samples of a batch of `collate_grounding` with ``pred_boxes`` and ``pred_scores``."""
        inputs = network_inputs(batch, self.streams, self.facts["pad_id"])
        boxes, scores = self._run(inputs)
        samples = batch["data_samples"]
        for sample, sample_boxes, sample_scores in zip(samples, boxes, scores, strict=True):
            kept, order = self._ranked(sample_boxes, sample_scores)
            height, width = sample.input_shape
            corners = torch.from_numpy(kept) * torch.tensor([width, height, width, height])
            sample.pred_boxes = sample.frame.to_image(corners)
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
        order = np.argsort(-scores, kind="stable")[: 1 if self.facts["ranked"] == "first" else None]
        return boxes[order], scores[order]


def network_inputs(batch: Mapping[str, Any], streams: Sequence[str], pad_id: int) -> dict[str, Tensor]:
    """The tensors that an exported network takes, by name, from a batch of `collate_grounding`."""
    samples = batch["data_samples"]
    ids = [torch.as_tensor(sample.token_ids) for sample in samples]
    masks = [torch.as_tensor(sample.token_mask) for sample in samples]
    return {
        **{stream: batch["inputs"][stream] for stream in streams},
        "padding_mask": batch["padding_mask"],
        "token_ids": nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=pad_id),
        "token_mask": nn.utils.rnn.pad_sequence(masks, batch_first=True),
    }


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


def _open_program(path: Path) -> tuple[Any, str | None]:
    extra = {KEY: ""}
    try:
        module = torch.export.load(path, extra_files=extra).module()
    except Exception as error:  # a damaged archive fails in many ways
        raise CheckpointError(f"{path} cannot be read as a torch.export program: {error}".splitlines()[0]) from error

    @torch.no_grad()
    def run(inputs: Mapping[str, Tensor]) -> Any:
        images = {name: tensor for name, tensor in inputs.items() if name not in INPUTS}
        return [output.numpy() for output in module(images, *(inputs[name] for name in INPUTS))]

    return run, extra[KEY]


def _facts(model: Any) -> dict[str, Any]:
    from rgbtvg.models.heads.set_head import SetHead

    ranked = ("first" if model.head.single else "all") if isinstance(model.head, SetHead) else None
    pad_id = model.data_preprocessor.pad_id
    return {"model": type(model).__name__, "modality": model.modality, "pad_id": pad_id, "ranked": ranked}


def _portable(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Configs of transforms without paths of this machine."""
    return [
        {name: value for name, value in Config(dict(step=dict(step))).step.to_dict().items() if name != "tokenizer"}
        for step in steps
    ]


def _tokenizer_files(find: Any, folder: str) -> dict[str, str]:
    if find.tokenize is None:
        return {}
    find.tokenize.tokenizer.save_pretrained(folder)
    return {file.name: file.read_text(encoding="utf-8") for file in Path(folder).iterdir() if file.is_file()}
