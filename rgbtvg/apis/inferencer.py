"""Inference: load a checkpoint once, then predict boxes for any image pair."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import print_log
from mmengine.registry import FUNCTIONS
from numpy.typing import NDArray
from PIL import Image

from rgbtvg.apis.calibrated import read_calibration
from rgbtvg.apis.exported import SUFFIXES, ExportedModel
from rgbtvg.apis.result import GroundingResult
from rgbtvg.datasets.collate import collate_grounding
from rgbtvg.datasets.image_files import image_from_memory, read_image
from rgbtvg.datasets.image_folder import image_pairs
from rgbtvg.datasets.transforms import Tokenize, build_transforms
from rgbtvg.datasets.transforms.text import check_expression
from rgbtvg.device import find_device
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.structures import STREAM_TITLES, GroundingSample, warning_kind

if TYPE_CHECKING:
    from rgbtvg.apis.explanation import Explanation
    from rgbtvg.evaluation.calibration import Calibration

# Checkpoints, configs and models are imported where they are used: an exported model needs none of them.

ImageSource = str | Path | Image.Image | NDArray[Any]
Question = tuple[ImageSource | None, ImageSource | None, str]

COLLATE = MappingProxyType({"type": "collate_grounding"})
NEEDS_TRUTH = ("CheckBoxes", "LoadMasks")
"""Transforms of a test pipeline that only concern the annotation."""
BATCH_SIZE = 16
EMPTY_RECORD = MappingProxyType({"dataset": "", "split": "", "subsets": [], "conditions": {}, "image_paths": {}})
EXPORTED_SUFFIXES = tuple(SUFFIXES.values())
CONFIG_SUFFIXES = (".py", ".json", ".yaml", ".yml")


class GroundingInferencer:
    """A trained model, ready to find what expressions mean.

    Args:
        config_or_checkpoint: a checkpoint that carries its config (every one that training writes does), a config, or
            an ONNX file of ``tools/export.py``. A calibration next to the weights (``best.pth.calibration.json``, of
            ``tools/analysis/calibrate.py``) is applied to the scores; its threshold decides which boxes are kept.
        checkpoint: the weights, if the first argument is a config; a zero-shot config names its own.
        options: overrides of the config, as ``--cfg-options`` gives them: ``{"thermal_normalisation": "clahe"}``.
        device: such as ``'cpu'`` or ``'cuda:1'``; by default a GPU if there is one.
        compile: compile the model with ``torch.compile`` at the first call.
        candidates: boxes of a result at most, from methods that score several cells or queries; by default a result
            has the method's answer alone. The first box is the same, and one-box methods give one box.

    Raises:
        ConfigError: no such config, no checkpoint for it, or no such device; `candidates` below 1.
        CheckpointError: no such checkpoint, or it is refused, carries no config, or belongs to another model.

    Example:
        >>> find = GroundingInferencer("work_dirs/quickstart/best.pth")
        >>> result = find("rgb/000123.png", "ir/000123.png", "the warm car left of the bus")
        >>> result.boxes_xyxy, result.scores
        >>> result.save("answer.png")
    """

    def __init__(
        self,
        config_or_checkpoint: str | Path | Config,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        options: Mapping[str, Any] | None = None,
        compile: bool = False,
        candidates: int | None = None,
    ) -> None:
        if candidates is not None and candidates < 1:
            raise ConfigError(f"candidates must be 1 or more, got {candidates}")
        self.device = find_device(device)
        self.model: Any
        if not isinstance(config_or_checkpoint, Config) and Path(config_or_checkpoint).suffix in EXPORTED_SUFFIXES:
            self.checkpoint = Path(config_or_checkpoint)
            if checkpoint is not None or options or compile:
                raise ConfigError(f"{self.checkpoint} is an exported model: it takes no checkpoint, options or compile")
            self.model = ExportedModel(self.checkpoint)
            self.collate = collate_grounding
            with tempfile.TemporaryDirectory() as folder:
                self.steps = self.model.pipeline(folder)
                self.load, *self.transforms = build_transforms(self.steps)
        else:
            from rgbtvg.engine.checkpoint_config import building

            config, checkpoint = _config_and_checkpoint(config_or_checkpoint, checkpoint, options)
            self.model = _build_model(config, checkpoint).to(self.device).eval()
            self.checkpoint = Path(self.model.identity()["path"] if checkpoint is None else checkpoint)
            if compile:
                self.model.compile_graphs()
            self.collate = FUNCTIONS.get(config.test_dataloader.get("collate_fn", COLLATE)["type"])
            with building(config, self.checkpoint):
                self.steps = [step for step in _test_pipeline(config) if step["type"] not in NEEDS_TRUTH]
                self.load, *self.transforms = build_transforms(self.steps)
        getattr(self.model, "head", self.model).most_boxes = candidates
        self.streams: tuple[str, ...] = self.model.streams
        self.calibration = read_calibration(self.checkpoint)
        self.tokenize = next((step for step in self.transforms if isinstance(step, Tokenize)), None)
        self.logs_warnings = True
        """Whether the first warning of each kind is logged; a program that shows those of results does without."""
        self._logged: set[str] = set()

    def __repr__(self) -> str:
        name = getattr(self.model, "name", type(self.model).__name__)
        return (
            f"GroundingInferencer({name}, modality={self.model.modality!r}, "
            f"device={str(self.device)!r}, checkpoint={str(self.checkpoint)!r})"
        )

    @overload
    def __call__(self, rgb: ImageSource | None, thermal: ImageSource | None, expression: str) -> GroundingResult: ...

    @overload
    def __call__(self, rgb: Any, thermal: Any, expression: list[str]) -> list[GroundingResult]: ...

    def __call__(self, rgb: Any, thermal: Any, expression: Any) -> GroundingResult | list[GroundingResult]:
        """Find what expressions mean in a pair of images, or in each of several pairs.

        Args:
            rgb: path, PIL image or array (H, W, 3) in RGB order; None for a model that reads thermal only. A list for
                several pairs, or a folder: its images, sorted by name, with those of equal names in the other folder.
            thermal: path, PIL image or array (H, W) of 8 or 16 bits; None for a model that reads RGB only, or that does
                without thermal. A list or folder for several pairs.
            expression: one expression, or a list: several about one pair, or one for each pair.

        Returns:
            One result, or a list of them in the order of the expressions or pairs. Images that the model does not read
            are ignored.

        Raises:
            DataError: an image that the model needs is missing or unreadable, an expression is empty or not a string,
                the lists differ in length, or the folders have no pair.
        """
        if is_folder(rgb) or is_folder(thermal):
            rgb, thermal = map(list, zip(*image_pairs(rgb, thermal), strict=True))
        if isinstance(rgb, (list, tuple)) or isinstance(thermal, (list, tuple)):
            return self._results(_pairs(rgb, thermal, expression))
        if isinstance(expression, (list, tuple)):
            return self._results([(rgb, thermal, text) for text in expression])
        return self._results([(rgb, thermal, expression)])[0]

    def stream(self, questions: Iterable[Question], batch_size: int = BATCH_SIZE) -> Iterator[GroundingResult]:
        """Yield results of (rgb, thermal, expression) triples as they come, `batch_size` at a time.

        Memory does not grow with the number of triples. Each of the three is as in a call.

        Raises:
            DataError: as in a call.
        """
        questions = iter(questions)
        while batch := list(islice(questions, batch_size)):
            yield from self._results(batch)

    @torch.inference_mode()
    def _results(self, questions: Sequence[Question]) -> list[GroundingResult]:
        """Answer in batches; consecutive questions about the same images load them once."""
        for *_, expression in questions:
            check_expression(expression)
        results: list[GroundingResult] = []
        loaded: dict[str, Any] = {}
        images: dict[str, Any] = {}
        name: str | None = None
        for start in range(0, len(questions), BATCH_SIZE):
            samples, seen = [], []
            for rgb, thermal, expression in questions[start : start + BATCH_SIZE]:
                given = {"rgb": rgb, "ir": thermal}
                if not images or any(given[stream] is not images[stream] for stream in given):
                    opened = {stream: self._image(stream, given[stream]) for stream in self.streams}
                    loaded, images = self.load({**EMPTY_RECORD, "images": dict(opened)}), given
                    name = next((Path(one).name for one in given.values() if isinstance(one, (str, Path))), None)
                    shown = {stream: Image.fromarray(pixels) for stream, pixels in loaded["images"].items()}
                samples.append(self.transformed({**loaded, "sample_id": expression, "expression": expression}))
                seen.append((shown, name))
            answered = self.model.test_step(self.collate(samples))
            results += [_result(sample, self.calibration, *of) for sample, of in zip(answered, seen, strict=True)]
        if self.logs_warnings:
            self._log_warnings(results)
        return results

    def _log_warnings(self, results: Sequence[GroundingResult]) -> None:
        """Log the first warning of each kind; all of them are on the results."""
        for text in (text for result in results for text in result.warnings):
            kind = warning_kind(text)
            if kind not in self._logged:
                self._logged.add(kind)
                print_log(f"{text} (further warnings of this kind are only on the results)", "current", logging.WARNING)

    @torch.inference_mode()
    def explain(
        self,
        rgb: ImageSource | None,
        thermal: ImageSource | None,
        expression: str,
        truth: Sequence[Sequence[float]] | None = None,
    ) -> Explanation:
        """Explain a prediction: the network's input, its attention, and the kind of mistake.

        Args:
            rgb: as in a call.
            thermal: as in a call.
            expression: as in a call.
            truth: (N, 4) true boxes, xyxy in pixels of the image; empty where nothing is meant, None where unknown.

        Raises:
            DataError: as in a call.

        Example:
            >>> explanation = find.explain("rgb/000123.png", "ir/000123.png", "the warm car", [[10, 20, 50, 60]])
            >>> explanation.row["mistake"], explanation.maps.keys()
            >>> explanation.save("why.png")
        """
        given = {"rgb": rgb, "ir": thermal}
        images = {stream: self._image(stream, given[stream]) for stream in self.streams}
        return self.explain_record({**EMPTY_RECORD, "images": images, "expression": expression, "boxes": truth})

    @torch.inference_mode()
    def explain_record(self, record: Mapping[str, Any], others: Sequence[Sequence[float]] = ()) -> Explanation:
        """:meth:`explain` for a record of a data set.

        Args:
            record: its images are read from where it says.
            others: boxes of other things in the image, see :func:`rgbtvg.evaluation.mistake`.

        Raises:
            DataError: an image is missing or unreadable.
        """
        if isinstance(self.model, ExportedModel):
            raise ConfigError(f"{self.checkpoint} is an exported model and cannot be explained: take its checkpoint")
        if not hasattr(self.model, "relevance"):
            raise ConfigError(f"{type(self.model).__name__} does not show where it looked and cannot be explained")
        from rgbtvg.apis.explanation import explain

        loaded = self.load({"sample_id": record["expression"], **record})
        images = {stream: Image.fromarray(pixels) for stream, pixels in loaded["images"].items()}
        sample = self.transformed(loaded)
        return explain(self.model, pseudo_collate([sample]), images, self.tokenize, others)

    def example_batch(self, size: int) -> dict[str, Any]:
        """A batch of blank images with a short expression, as the model takes it."""
        blank = {stream: Image.new("RGB" if stream == "rgb" else "L", (64, 64)) for stream in self.streams}
        loaded = self.load({**EMPTY_RECORD, "images": blank, "sample_id": "", "expression": "a car"})
        return self.collate([self.transformed(loaded) for _ in range(size)])

    def _image(self, stream: str, source: ImageSource | None) -> Image.Image:
        if source is None and stream in getattr(self.model, "optional_streams", ()):
            return Image.new("L", (1, 1))  # blank, which such a model takes for absent
        if source is None:
            reads = " and ".join(STREAM_TITLES[name] for name in self.streams)
            raise DataError(f"this model reads {reads}, but no {STREAM_TITLES[stream]} image was given")
        return open_image(source, stream)

    def transformed(self, loaded: Mapping[str, Any]) -> dict[str, Any]:
        """The sample of a loaded record: its images and its sentence as the network takes them."""
        results = {**loaded, "images": dict(loaded["images"])}
        for transform in self.transforms:
            results = transform(results)
        return results


def is_folder(source: Any) -> bool:
    """Whether images are given as a folder."""
    return isinstance(source, (str, Path)) and Path(source).is_dir()


def open_image(source: ImageSource, stream: str) -> Image.Image:
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
) -> tuple[Config, str | Path | None]:
    from rgbtvg.engine.checkpoint_config import config_from_checkpoint
    from rgbtvg.engine.config import load_config, override
    from rgbtvg.engine.own_weights import check_weights, reads_own_weights

    is_config = isinstance(first, Config) or Path(first).suffix in CONFIG_SUFFIXES
    if not is_config:
        if checkpoint is not None:
            raise ConfigError(f"{first} is not a config ({', '.join(CONFIG_SUFFIXES)}), but a checkpoint follows it")
        config = config_from_checkpoint(first, options)
        check_weights(config, first)
        return config, first
    if isinstance(first, Config):
        config = override(first, options) if options else first
    else:
        config = load_config(first, options)
    if checkpoint is None and not reads_own_weights(config):
        raise ConfigError("a config alone has no trained weights: give the checkpoint as well, or only the checkpoint")
    check_weights(config, checkpoint)
    return config, checkpoint


def _build_model(config: Config, checkpoint: str | Path | None) -> Any:
    """The config's model with the checkpoint's weights, or with its own; initial weights are not read."""
    from rgbtvg.checkpoints import load_file
    from rgbtvg.checkpoints.convert import check_fit, tensors_of
    from rgbtvg.engine.checkpoint_config import building, trusted_places
    from rgbtvg.registry import MODELS

    settings = config.model.to_dict()
    if checkpoint is None:
        return MODELS.build(settings)
    if config.get("data_preprocessor"):
        settings.setdefault("data_preprocessor", config.data_preprocessor.to_dict())
    with building(config, checkpoint):
        model = MODELS.build(settings)
    with trusted_places(config):
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


def _result(
    sample: GroundingSample, calibration: Calibration | None, images: dict[str, Image.Image], name: str | None
) -> GroundingResult:
    height, width = sample.ori_shape
    warnings = list(sample.get("warnings") or ())
    if "pred_boxes_xyxy" not in sample:
        sample.pred_boxes_xyxy, sample.pred_scores = torch.zeros(0, 4), torch.zeros(0)
        warnings.append(f"no prediction: {sample.no_prediction}")
    boxes, scores = sample.pred_boxes_xyxy.cpu().numpy(), sample.pred_scores.cpu().numpy()
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    if not finite.all():
        warnings.append("the model's output is NaN: its weights or the images are broken")
    # The network's square input reaches beyond the image.
    boxes = boxes[finite].clip(0, [width, height, width, height]).astype(np.float32)
    scores = scores[finite]
    if calibration is not None:
        if calibration.threshold is not None:
            boxes, scores = boxes[scores >= calibration.threshold], scores[scores >= calibration.threshold]
        scores = calibration.apply(scores).astype(np.float32)
    mask = sample.pred_mask.cpu().numpy() if "pred_mask" in sample else None
    return GroundingResult(sample.expression, boxes, scores, images, mask, tuple(warnings), name)


def _pairs(rgb: Any, thermal: Any, expression: Any) -> list[Question]:
    """Lists of images and expressions as one question per pair; a single expression is about all pairs."""
    columns = {"RGB images": rgb, "thermal images": thermal, "expressions": expression}
    lengths = {name: len(column) for name, column in columns.items() if isinstance(column, (list, tuple))}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the lists differ in length: {', '.join(f'{n} {name}' for name, n in lengths.items())}")
    single = [name for name in ("RGB images", "thermal images") if columns[name] is not None and name not in lengths]
    if single:
        raise DataError(f"several pairs need a list of {single[0]} too, got {type(columns[single[0]]).__name__}")
    count = next(iter(lengths.values()))
    filled = [column if isinstance(column, (list, tuple)) else [column] * count for column in columns.values()]
    return list(zip(*filled, strict=True))
