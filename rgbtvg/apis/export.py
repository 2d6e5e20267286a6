"""Export a trained model to ONNX or to a `torch.export` program."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from rgbtvg.apis.calibrated import write_calibration
from rgbtvg.apis.exported import KEY, SUFFIXES, network_inputs
from rgbtvg.apis.inferencer import GroundingInferencer
from rgbtvg.errors import ConfigError
from rgbtvg.structures import GroundingInputs
from rgbtvg.structures.boxes import cxcywh_to_xyxy


class ExportedGrounder(nn.Module):
    """A grounder as a function of tensors: from 8-bit images and token ids to boxes and scores.

    Args:
        model: in evaluation mode.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        images: dict[str, Tensor],
        padding_mask: Tensor,
        token_ids: Tensor,
        token_padding_mask: Tensor,
        thermal_valid: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Boxes (B, Q, 4) xyxy in [0, 1] of the padded input, and scores (B, Q).

        Args:
            images: stream -> uint8 (B, C, H, W), C being 3 for RGB and 1 for thermal.
            padding_mask: (B, H, W) bool, True where padded.
            token_ids: (B, L) int64.
            token_padding_mask: (B, L) bool, True where padded.
            thermal_valid: (B, H, W) bool, True where thermal shows something, for models that were trained with it.
        """
        from rgbtvg.models.heads.set_head import SetHead

        model: Any = self.model
        normalised = model.data_preprocessor.normalised(images, padding_mask, thermal_valid)
        outputs = model.encode(GroundingInputs(normalised, padding_mask, token_ids, token_padding_mask, thermal_valid))
        if isinstance(model.head, SetHead):
            logits, boxes = model.head.answers(outputs)
            scores, boxes = logits.float().softmax(-1)[..., 0], model.head.input_boxes(outputs, boxes)
        else:
            boxes = outputs["pred_boxes_cxcywh"][:, None]
            scores = outputs["pred_scores"][:, None] if "pred_scores" in outputs else boxes.new_ones(boxes.shape[:2])
        return cxcywh_to_xyxy(boxes.float()).clamp(0, 1), scores.float()


def export_checkpoint(
    checkpoint: str | Path,
    target: str | Path,
    format: str = "onnx",
    config: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Export a checkpoint with its preprocessing and its calibration; the batch size stays free, low-rank updates are
    merged.

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
    target = Path(target)
    if format not in SUFFIXES or target.suffix != SUFFIXES[format]:
        raise ConfigError(f"a file of format {format} must end in {SUFFIXES.get(format, '.onnx or .pt2')}: {target}")
    first, second = (checkpoint, None) if config is None else (config, checkpoint)
    find = GroundingInferencer(first, second, device="cpu", options=options)
    with tempfile.TemporaryDirectory() as folder:
        facts = {**_facts(find.model), "pipeline": _portable(find.steps), "tokenizer": _tokenizer_files(find, folder)}
    target.parent.mkdir(parents=True, exist_ok=True)
    export_model(find.model, find.example_batch(2), target, facts)
    if find.calibration is not None:
        write_calibration(find.calibration, target)


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
    inputs = network_inputs(batch, model.streams)
    images = {stream: inputs[stream] for stream in model.streams}
    others = [inputs[name] for name in inputs if name not in images]
    free = {0: torch.export.Dim.DYNAMIC}
    arguments, shapes = (images, *others), (dict.fromkeys(images, free), *(free for _ in others))
    program = torch.export.export(ExportedGrounder(model).eval(), arguments, dynamic_shapes=shapes, strict=False)
    if target.suffix == ".pt2":
        torch.export.save(program, target, extra_files={KEY: json.dumps(facts)})
        return
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise ConfigError("export to ONNX needs onnx and onnxscript: pip install -e .[export]") from None
    # The optimizer of onnxscript fails on some of the graphs; ONNX Runtime optimizes them when it loads them.
    onnx_program = torch.onnx.export(
        program, dynamo=True, optimize=False, verbose=False, custom_translation_table=_TRANSLATIONS
    )
    assert onnx_program is not None  # torch returns None only when it writes the file itself
    onnx_program.model.metadata_props[KEY] = json.dumps(facts)
    onnx_program.save(str(target))


def _stable_sort(x: Any, stable: bool | None = None, dim: int = -1, descending: bool = False) -> Any:
    """ONNX operators of ``aten.sort.stable``: TopK keeps the order of equal values."""
    import onnxscript

    op: Any = onnxscript.opset18
    size = op.Gather(op.Shape(x), op.Constant(value_ints=[dim]), axis=0)
    return op.TopK(x, size, axis=dim, largest=int(descending), sorted=1)


_TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.aten.sort.stable: _stable_sort}


def _facts(model: Any) -> dict[str, Any]:
    from rgbtvg.models.heads.set_head import SetHead

    ranked = ("first" if model.head.single else "all") if isinstance(model.head, SetHead) else None
    return {"model": type(model).__name__, "modality": model.modality, "ranked": ranked}


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
