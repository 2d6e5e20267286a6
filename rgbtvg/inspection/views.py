"""Views of a record: its images as stored, or as training sees them."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from rgbtvg.datasets.transforms import build_transforms
from rgbtvg.engine.random_state import preserved_random_state, seed_all
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.inspection.thumbnails import load_images

Record = dict[str, Any]

WITHOUT_IMAGES = ("Tokenize", "MarkKeyWords", "PackGroundingInputs")
"""Transforms that only make tensors of expressions and samples; they need files of tokenisers and move no pixel."""
PADDING = 110
"""Grey level that padding is shown as."""


@dataclass(frozen=True)
class View:
    """Images of one frame with the boxes in it.

    Args:
        images: stream -> image, all of one size; empty where none can be read.
        boxes_xyxy: [x0, y0, x1, y1] in pixels of the images.
        expression: the expression, which a mirrored image changes.
        problem: why it cannot be shown as asked.
    """

    images: dict[str, Image.Image] = field(default_factory=dict)
    boxes_xyxy: Sequence[Sequence[float]] = ()
    expression: str = ""
    problem: str = ""


def raw_view(record: Record, draw: int = 0) -> View:
    """The images as they are on disk, thermal of more than 8 bits stretched to be seen; `draw` changes nothing."""
    images = load_images(record["image_paths"])
    absent = [record["image_paths"][stream] for stream in record["image_paths"] if stream not in images]
    problem = f"cannot be read: {', '.join(absent)}" if absent else ""
    return View(images, record["boxes"], record["expression"], problem)


class AugmentedView:
    """The images after a pipeline, without the steps that only make tensors.

    What a record looks like follows from the seed, its id and the number of the draw.

    Args:
        pipeline: configs of transforms.
        seed: of all draws.
    """

    def __init__(self, pipeline: Sequence[Mapping[str, Any]], seed: int = 0) -> None:
        shown = [step for step in pipeline if str(step["type"]).rpartition(".")[2] not in WITHOUT_IMAGES]
        self.transforms: list[Callable] = build_transforms([dict(step) for step in shown])
        self.seed = seed
        # The random state is the process's, and a server has many threads.
        self.lock = threading.Lock()

    def __call__(self, record: Record, draw: int = 0) -> View:
        results = copy.deepcopy(record)
        digits = [self.seed, draw, *record["sample_id"].encode()]
        with self.lock, preserved_random_state():
            seed_all(int(np.random.SeedSequence(digits).generate_state(1)[0]))
            try:
                for transform in self.transforms:
                    results = transform(results)
            except DataError as error:
                return View(expression=record["expression"], problem=str(error))
        left, top = results.get("pad_offset", (0, 0))
        images = {
            stream: _on_canvas(pixels, (left, top), results.get("input_shape", pixels.shape[:2]))
            for stream, pixels in results["images"].items()
        }
        boxes = np.asarray(results.get("boxes", ()), dtype=np.float64).reshape(-1, 4) + np.array([left, top] * 2)
        return View(images, boxes.tolist(), results["expression"])


def train_pipeline(dataset: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The pipeline in the config of a dataset, or of the first dataset inside it that has one.

    Raises:
        ConfigError: there is none.
    """
    if dataset.get("pipeline"):
        return dataset["pipeline"]
    sources = dataset.get("sources", {})
    inner = [dataset.get("dataset"), *dataset.get("datasets", ()), *getattr(sources, "values", list)()]
    for part in inner:
        if isinstance(part, Mapping):
            try:
                return train_pipeline(part)
            except ConfigError:
                continue
    raise ConfigError("the training dataset of the config has no pipeline to show the augmentation of")


def _on_canvas(pixels: np.ndarray, offset: tuple[int, int], shape: tuple[int, int]) -> Image.Image:
    """The image where the padding puts it."""
    image = Image.fromarray(pixels)
    canvas = Image.new("RGB", (shape[1], shape[0]), (PADDING,) * 3)
    canvas.paste(image.convert("RGB"), offset)
    return canvas
