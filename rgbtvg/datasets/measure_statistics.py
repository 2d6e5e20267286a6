"""Mean and standard deviation of the pixels of a training set, by stream and channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config

from rgbtvg.datasets.image_files import read_image
from rgbtvg.datasets.pixel_statistics import PixelStatistics
from rgbtvg.datasets.thermal import ThermalRange
from rgbtvg.datasets.transforms.loading import to_rgb, to_thermal
from rgbtvg.errors import DataError
from rgbtvg.registry import DATASETS

LEVELS = 256
FILES_PER_TASK = 32

Batch = list[tuple[str, str]]
Counted = tuple[int, dict[str, np.ndarray]]


def image_files(records: Iterable[Mapping[str, Any]], streams: Sequence[str]) -> dict[tuple[str, str], None]:
    """(stream, path) of every image of the records, each once however many expressions share it, in their order."""
    return {
        (stream, record["image_paths"][stream]): None
        for record in records
        for stream in streams
        if stream in record["image_paths"]
    }


def training_records(config: Config) -> Iterator[dict[str, Any]]:
    """Records of the set that a config trains on, and of no other."""
    settings = config.train_dataloader.dataset.to_dict()
    dataset = DATASETS.build(_without_pipelines(settings))
    return (dataset.get_data_info(index) for index in range(len(dataset)))


def _without_pipelines(settings: Any) -> Any:
    """Settings of a dataset, or of several joined, that needs no tokenizer to be built."""
    if isinstance(settings, dict):
        return {key: [] if key == "pipeline" else _without_pipelines(value) for key, value in settings.items()}
    if isinstance(settings, (list, tuple)):
        return [_without_pipelines(item) for item in settings]
    return settings


def statistics_line(measured: Mapping[str, PixelStatistics]) -> str:
    """The line of a config that uses these values."""
    streams = (
        f"{stream}=dict(mean={[round(value, 4) for value in values.mean]}, "
        f"std={[round(value, 4) for value in values.std]})"
        for stream, values in measured.items()
    )
    return f"statistics = dict(_delete_=True, {', '.join(streams)})"


def measure_statistics(
    files: Iterable[tuple[str, str]],
    thermal_normalisation: str = "dataset",
    thermal_range: ThermalRange = "image",
    workers: int = 2,
    advance: Callable[[int], Any] | None = None,
) -> dict[str, PixelStatistics]:
    """Statistics on [0, 1] by stream, weighted by pixels: every file's 8-bit values, exactly, at its own size.

    Args:
        files: (stream, path) of :func:`image_files`.
        thermal_normalisation, thermal_range: of the config, so that what is measured is what the model sees.
        workers: processes; 0 works in this one.
        advance: called with the number of files done since the last call, for a progress bar.

    Raises:
        DataError: no files, or one is missing or unreadable.
    """
    count = partial(_count_files, thermal_normalisation=thermal_normalisation, thermal_range=thermal_range)
    histograms: dict[str, np.ndarray] = {}
    for number, counted in _mapped(count, _batches(files, FILES_PER_TASK), workers):
        for stream, histogram in counted.items():
            histograms[stream] = histograms.get(stream, 0) + histogram
        if advance is not None:
            advance(number)
    if not histograms:
        raise DataError("the training set has no images of these streams")
    return {stream: _from_histogram(histogram) for stream, histogram in histograms.items()}


def _mapped(count: Callable[[Batch], Counted], batches: Iterator[Batch], workers: int) -> Iterator[Counted]:
    if workers == 0:
        yield from map(count, batches)
        return
    with ProcessPoolExecutor(workers, initializer=cv2.setNumThreads, initargs=(0,)) as executor:
        yield from executor.map(count, batches)


def _batches(files: Iterable[tuple[str, str]], size: int) -> Iterator[Batch]:
    files = iter(files)
    while batch := list(islice(files, size)):
        yield batch


def _count_files(files: Batch, thermal_normalisation: str, thermal_range: ThermalRange) -> Counted:
    """Number of files, and per stream the histogram of each channel (C, 256)."""
    histograms: dict[str, np.ndarray] = {}
    for stream, path in files:
        image, _, _ = read_image(path, stream=stream)
        pixels = to_rgb(image) if stream == "rgb" else to_thermal(image, thermal_range, thermal_normalisation)
        channels = range(pixels.shape[2] if pixels.ndim == 3 else 1)
        levels = [cv2.calcHist([pixels], [channel], None, [LEVELS], [0, LEVELS]) for channel in channels]
        histograms[stream] = histograms.get(stream, 0) + np.stack(levels).reshape(-1, LEVELS).astype(np.int64)
    return len(files), histograms


def _from_histogram(histogram: np.ndarray) -> PixelStatistics:
    values = np.arange(LEVELS) / (LEVELS - 1)
    share = histogram / histogram.sum(1, keepdims=True)  # (C, 256)
    mean = share @ values
    std = np.sqrt((share * (values - mean[:, None]) ** 2).sum(1))
    return PixelStatistics(tuple(map(float, mean)), tuple(map(float, std)))
