"""Changes of the images of a pair, repeatable for every image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from rgbtvg.datasets.corruptions import Images, corrupt, fill_stream
from rgbtvg.datasets.corruptions.base import Means
from rgbtvg.datasets.repeatable import generator
from rgbtvg.datasets.transforms.base import resize_image


class Change(Protocol):
    """Changes the images of a pair.

    Args:
        images: stream -> uint8 image.
        key: name of the pair; with it all random choices are repeatable.
        other: loads the images of another pair, always the same one for a pair.
    """

    def __call__(self, images: Images, key: str, other: Callable[[], Images]) -> Images: ...


@dataclass(frozen=True)
class Corrupted:
    """A corruption of :mod:`rgbtvg.datasets.corruptions`; its severities share their random pattern."""

    kind: str
    severity: int | None
    means: Means = field(default_factory=dict)

    def __call__(self, images: Images, key: str, other: Callable[[], Images]) -> Images:
        return corrupt(images, self.kind, self.severity, generator(self.kind, key), self.means)


@dataclass(frozen=True)
class Without:
    """Cameras are missing: their images are the data set's mean, which is zero after normalisation."""

    streams: tuple[str, ...]
    means: Means

    def __call__(self, images: Images, key: str, other: Callable[[], Images]) -> Images:
        blank = {
            stream: fill_stream(images, stream, "mean", generator("mean", key), self.means.get(stream))
            for stream in self.streams
            if stream in images
        }
        return {**images, **blank}


@dataclass(frozen=True)
class Swapped:
    """One camera's image is that of another pair, resized to the size of its own."""

    stream: str

    def __call__(self, images: Images, key: str, other: Callable[[], Images]) -> Images:
        if self.stream not in images:
            return images
        height, width = images[self.stream].shape[:2]
        return {**images, self.stream: resize_image(other()[self.stream], width, height)}
