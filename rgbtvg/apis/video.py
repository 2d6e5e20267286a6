"""Ground an expression in every frame of a paired RGB and thermal video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from rgbtvg.apis.inferencer import GroundingInferencer
from rgbtvg.apis.result import GroundingResult
from rgbtvg.errors import ConfigError, DataError

Frame = NDArray[np.uint8]


class VideoReader:
    """Frames of a video file, one at a time.

    Args:
        path: the file.
        stream: ``'rgb'`` gives frames (H, W, 3) in RGB order, ``'ir'`` gives (H, W).

    Raises:
        DataError: the file is missing or holds no video.
    """

    def __init__(self, path: str | Path, stream: str) -> None:
        if not Path(path).is_file():
            raise DataError(f"no such video: {path}")
        self.path = path
        self.code = cv2.COLOR_BGR2RGB if stream == "rgb" else cv2.COLOR_BGR2GRAY
        self.capture = cv2.VideoCapture(str(path))
        if not self.capture.isOpened():
            raise DataError(f"{path} is not a video that OpenCV reads")
        self.fps = self.capture.get(cv2.CAP_PROP_FPS) or 25.0

    def __iter__(self) -> Iterator[Frame]:
        while True:
            found, frame = self.capture.read()
            if not found:
                return
            yield cv2.cvtColor(frame, self.code).astype(np.uint8, copy=False)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.capture.release()


def ground_video(
    find: GroundingInferencer,
    rgb: str | Path | None,
    thermal: str | Path | None,
    expression: str,
    smoothing: float = 0.0,
) -> Iterator[GroundingResult]:
    """Yield the result of each pair of frames; memory does not grow with the length.

    Videos of different lengths end with the shorter one.

    Args:
        find: the model.
        rgb: RGB video; None for a model that reads thermal only.
        thermal: thermal video, frame by frame beside `rgb`; None for a model that reads RGB only.
        expression: the expression.
        smoothing: weight in [0, 1) of the previous box in a running average of the best box; 0 keeps the model's.

    Raises:
        ConfigError: `smoothing` is out of range.
        DataError: a video is missing or unreadable, or both are None.
    """
    if not 0 <= smoothing < 1:
        raise ConfigError(f"smoothing must be at least 0 and less than 1, got {smoothing}")
    paths = {stream: path for stream, path in (("rgb", rgb), ("ir", thermal)) if path is not None}
    if not paths:
        raise DataError("no video is given")
    with ExitStack() as stack:
        readers = {stream: stack.enter_context(VideoReader(path, stream)) for stream, path in paths.items()}
        pairs = (dict(zip(readers, frames, strict=True)) for frames in zip(*readers.values(), strict=False))
        previous: NDArray[np.float32] | None = None
        for result in find.stream((pair.get("rgb"), pair.get("ir"), expression) for pair in pairs):
            boxes = result.boxes_xyxy
            if smoothing and len(boxes):
                best = boxes[0] if previous is None else smoothing * previous + (1 - smoothing) * boxes[0]
                previous = best
                result = replace(result, boxes_xyxy=np.concatenate([best[None], boxes[1:]]).astype(np.float32))
            yield result


def write_video(results: Iterator[GroundingResult], path: str | Path, fps: float) -> int:
    """Draw results into a video file and return the number of frames.

    Raises:
        DataError: the file cannot be written, or there is no frame.
    """
    writer, count = None, 0
    try:
        for result in results:
            frame = cv2.cvtColor(np.asarray(result.draw()), cv2.COLOR_RGB2BGR)
            if writer is None:
                size = (frame.shape[1] // 2 * 2, frame.shape[0] // 2 * 2)  # most codecs take even sizes only
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
                if not writer.isOpened():
                    raise DataError(f"{path} cannot be written as a video: name a file that ends in .mp4")
            writer.write(cv2.resize(frame, size) if frame.shape[1::-1] != size else frame)
            count += 1
    finally:
        if writer is not None:
            writer.release()
    if not count:
        raise DataError("the videos have no frame")
    return count


def frame_rate(path: str | Path) -> float:
    """Frames per second of a video file."""
    with VideoReader(path, "rgb") as reader:
        return reader.fps
