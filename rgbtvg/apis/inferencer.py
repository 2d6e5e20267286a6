"""From a checkpoint to answers: load once, then ask about any pair of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from numpy.typing import NDArray
from PIL import Image

from rgbtvg.apis.explanation import Explanation, explain
from rgbtvg.checkpoints import load_file
from rgbtvg.checkpoints.convert import check_fit, tensors_of
from rgbtvg.datasets.image_files import image_from_memory, read_image
from rgbtvg.datasets.transforms import Tokenize, build_transforms
from rgbtvg.datasets.transforms.text import check_expression
from rgbtvg.engine.config import config_from_checkpoint, load_config, override
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.models.grounders.base import BaseGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample
from rgbtvg.visualization import draw_grounding, save_picture
from rgbtvg.visualization.drawing import STREAM_TITLES

ImageSource = str | Path | Image.Image | NDArray[Any]

NEEDS_TRUTH = ("CheckBoxes", "LoadMasks")
"""Transforms of a test pipeline that only concern the annotation."""
BATCH_SIZE = 16
EMPTY_RECORD = MappingProxyType({"dataset": "", "split": "", "subsets": [], "conditions": {}, "image_paths": {}})
CONFIG_SUFFIXES = (".py", ".json", ".yaml", ".yml")


@dataclass(frozen=True)
class GroundingResult:
    """The answer to one sentence.

    Args:
        expression: the sentence.
        boxes: (N, 4) float32 xyxy in pixels of the image (of RGB where there is one), best first; N may be 0.
        scores: (N,) float32 in [0, 1].
        images: stream (``rgb``, ``ir``) -> the picture in 8 bits as the model loaded it, thermal after its
            `thermal_normalisation`, before resizing.
        mask: (H, W) bool of the image, for models that segment.
    """

    expression: str
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    images: dict[str, Image.Image]
    mask: NDArray[np.bool_] | None = None

    def draw(self, width: int | None = None) -> Image.Image:
        """RGB beside thermal with the boxes, the sentence above; `width` is that of each picture in pixels."""
        note = f"score {self.scores[0]:.2f}" if len(self.scores) else "nothing found"
        return draw_grounding(
            self.images, self.expression, pred_boxes=self.boxes, pred_mask=self.mask, note=note, width=width
        )

    def save(self, path: str | Path) -> None:
        """Draw the result and write it as an image file."""
        save_picture(self.draw(), path)

    def summary(self) -> str:
        """One line of text per box."""
        lines = [
            f"box x0 y0 x1 y1: {' '.join(f'{value:.1f}' for value in box)}  score {score:.3f}"
            for box, score in zip(self.boxes, self.scores, strict=True)
        ]
        return "\n".join(lines or ["nothing found"])


class GroundingInferencer:
    """A trained model, ready to find what sentences mean.

    Args:
        config_or_checkpoint: a checkpoint that carries its config (every one that training writes does), or a config.
        checkpoint: the weights, when the first argument is a config.
        options: overrides of the config, as ``--cfg-options`` gives them: ``{"thermal_normalisation": "clahe"}``.
        device: such as ``'cuda:1'``; a GPU where there is one by default.

    Raises:
        ConfigError: no such config, or no checkpoint beside it.
        CheckpointError: no such checkpoint, or it is refused, carries no config, or belongs to another model.

    Example:
        >>> find = GroundingInferencer("work_dirs/quickstart/best.pth")
        >>> result = find("rgb/000123.png", "ir/000123.png", "the warm car left of the bus")
        >>> result.boxes, result.scores
        >>> result.save("answer.png")
    """

    def __init__(
        self,
        config_or_checkpoint: str | Path | Config,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        config, checkpoint = _config_and_checkpoint(config_or_checkpoint, checkpoint, options)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = _build_model(config, checkpoint).to(self.device).eval()
        self.streams: tuple[str, ...] = self.model.streams
        steps = [step for step in _test_pipeline(config) if step["type"] not in NEEDS_TRUTH]
        self._load, *self._pipeline = build_transforms(steps)

    @overload
    def __call__(self, rgb: ImageSource | None, thermal: ImageSource | None, expression: str) -> GroundingResult: ...

    @overload
    def __call__(
        self, rgb: ImageSource | None, thermal: ImageSource | None, expression: list[str]
    ) -> list[GroundingResult]: ...

    @torch.inference_mode()
    def __call__(
        self, rgb: ImageSource | None, thermal: ImageSource | None, expression: str | list[str]
    ) -> GroundingResult | list[GroundingResult]:
        """Find what a sentence, or each of several, means in a pair of images.

        Args:
            rgb: path, PIL image or array (H, W, 3) in RGB order; None for a model that reads thermal only.
            thermal: path, PIL image or array (H, W) of 8 or 16 bits; None for a model that reads RGB only.
            expression: one sentence or several.

        Returns:
            One result, or a list of them in the order of the sentences. An image that the model does not read is
            ignored.

        Raises:
            DataError: an image that the model needs is missing or unreadable, or a sentence is empty.
        """
        given = {"rgb": rgb, "ir": thermal}
        loaded = self._loaded({stream: self._picture(stream, given[stream]) for stream in self.streams})
        shown = {stream: Image.fromarray(pixels) for stream, pixels in loaded["images"].items()}
        sentences = list(expression) if isinstance(expression, (list, tuple)) else [expression]
        for sentence in sentences:
            check_expression(sentence)
        results = []
        for start in range(0, len(sentences), BATCH_SIZE):
            samples = [self._sample(loaded, sentence) for sentence in sentences[start : start + BATCH_SIZE]]
            results += [_result(sample, shown) for sample in self.model.test_step(pseudo_collate(samples))]
        return results if isinstance(expression, (list, tuple)) else results[0]

    @torch.inference_mode()
    def explain(
        self,
        rgb: ImageSource | None,
        thermal: ImageSource | None,
        expression: str,
        truth: Sequence[Sequence[float]] | None = None,
    ) -> Explanation:
        """Why a box is where it is: what the network saw and read, where it looked, what kind of mistake it made.

        Args:
            rgb, thermal, expression: as in a call.
            truth: (N, 4) true boxes, xyxy in pixels of the image; empty where nothing is meant, None where unknown.

        Raises:
            DataError: as in a call.

        Example:
            >>> explanation = find.explain("rgb/000123.png", "ir/000123.png", "the warm car", [[10, 20, 50, 60]])
            >>> explanation.row["mistake"], explanation.maps.keys()
            >>> explanation.save("why.png")
        """
        given = {"rgb": rgb, "ir": thermal}
        images = {stream: self._picture(stream, given[stream]) for stream in self.streams}
        return self.explain_record({**EMPTY_RECORD, "images": images, "expression": expression, "boxes": truth})

    @torch.inference_mode()
    def explain_record(self, record: Mapping[str, Any], others: Sequence[Sequence[float]] = ()) -> Explanation:
        """:meth:`explain` for a record of a data set.

        Args:
            record: its images are read from where it says.
            others: boxes of other things in the picture, see :func:`rgbtvg.evaluation.mistake`.

        Raises:
            DataError: an image is missing or unreadable.
        """
        loaded = self._load({"sample_id": record["expression"], **record})
        images = {stream: Image.fromarray(pixels) for stream, pixels in loaded["images"].items()}
        sample = self._transformed(loaded)
        tokenize = next((transform for transform in self._pipeline if isinstance(transform, Tokenize)), None)
        return explain(self.model, pseudo_collate([sample]), images, tokenize, others)

    def _picture(self, stream: str, source: ImageSource | None) -> Image.Image:
        if source is None:
            reads = " and ".join(STREAM_TITLES[name] for name in self.streams)
            raise DataError(f"this model reads {reads}, but no {STREAM_TITLES[stream]} image was given")
        return open_picture(source, stream)

    def _loaded(self, images: Mapping[str, Image.Image]) -> dict[str, Any]:
        """The record of a question, without sentence and truth, with its pictures in 8 bits."""
        return self._load({**EMPTY_RECORD, "images": dict(images)})

    def _sample(self, loaded: Mapping[str, Any], expression: str) -> dict[str, Any]:
        """The sample of one sentence."""
        return self._transformed({**loaded, "sample_id": expression, "expression": expression})

    def _transformed(self, loaded: Mapping[str, Any]) -> dict[str, Any]:
        results = {**loaded, "images": dict(loaded["images"])}
        for transform in self._pipeline:
            results = transform(results)
        return results


def open_picture(source: ImageSource, stream: str) -> Image.Image:
    """Open a path, PIL image or array as an upright PIL image.

    Args:
        source: the image.
        stream: ``'rgb'`` or ``'ir'``.

    Raises:
        DataError: the file is missing or unreadable, or the array has no pixels or is not an image.
    """
    if isinstance(source, (str, Path)):
        return read_image(source, stream=stream)[0]
    return image_from_memory(source, stream)


def _config_and_checkpoint(
    first: str | Path | Config, checkpoint: str | Path | None, options: Mapping[str, Any] | None
) -> tuple[Config, str | Path]:
    is_config = isinstance(first, Config) or Path(first).suffix in CONFIG_SUFFIXES
    if not is_config:
        if checkpoint is not None:
            raise ConfigError(f"{first} is not a config ({', '.join(CONFIG_SUFFIXES)}), but a checkpoint follows it")
        return config_from_checkpoint(first, options), first
    if checkpoint is None:
        raise ConfigError("a config alone has no trained weights: give the checkpoint as well, or only the checkpoint")
    if isinstance(first, Config):
        return (override(first, options) if options else first), checkpoint
    return load_config(first, options), checkpoint


def _build_model(config: Config, checkpoint: str | Path) -> BaseGrounder:
    """The config's model with the checkpoint's weights; initial weights are not read."""
    settings = config.model.to_dict()
    if "data_preprocessor" in config:
        settings.setdefault("data_preprocessor", config.data_preprocessor.to_dict())
    model = MODELS.build(settings)
    state = tensors_of(load_file(checkpoint), checkpoint)
    check_fit(state, model.state_dict(), checkpoint)
    model.load_state_dict(state, strict=False)
    return model


def _test_pipeline(config: Config) -> list[dict[str, Any]]:
    """The transforms of the test set; those of the first set where several are joined."""
    dataset = config.test_dataloader.dataset
    while "pipeline" not in dataset:
        dataset = dataset["datasets"][0] if "datasets" in dataset else dataset["dataset"]
    return dataset.pipeline


def _result(sample: GroundingSample, images: dict[str, Image.Image]) -> GroundingResult:
    height, width = sample.ori_shape
    # The network's square input reaches beyond the image; what is asked here is where to look in the image.
    boxes = sample.pred_boxes.cpu().numpy().clip(0, [width, height, width, height]).astype(np.float32)
    mask = sample.pred_mask.cpu().numpy() if "pred_mask" in sample else None
    return GroundingResult(sample.expression, boxes, sample.pred_scores.cpu().numpy(), images, mask)
