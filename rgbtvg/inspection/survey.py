"""Everything that the checks look at, read once: the records of a source and the facts of their images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from rich.progress import track

from rgbtvg.inspection.image_facts import PairFacts, measure_pair
from rgbtvg.inspection.sources import Fault, Source

Record = dict[str, Any]


@dataclass
class Survey:
    """Records and facts.

    Args:
        records: as in docs/architecture.md.
        pairs: facts of the distinct pairs of files.
        pair_of: for each record, the place of its pair in `pairs`.
        faults: what could not become a record.
    """

    records: Sequence[Record]
    pairs: Sequence[PairFacts]
    pair_of: Sequence[int]
    faults: Sequence[Fault] = ()
    records_of: list[list[int]] = field(init=False)
    """For each pair, the places of its records."""

    def __post_init__(self) -> None:
        self.records_of = [[] for _ in self.pairs]
        for place, pair in enumerate(self.pair_of):
            self.records_of[pair].append(place)

    def image_size(self, place: int) -> tuple[int, int] | None:
        """(height, width) that the boxes of a record are in: its first image's, else what the annotation says."""
        images = self.pairs[self.pair_of[place]].images.values()
        size = self.records[place].get("size")
        return next((image.size for image in images if image.size), tuple(size) if size else None)


def survey(source: Source, workers: int | None = None, progress: bool = True) -> Survey:
    """Measure the images of all records, each pair once.

    Args:
        source: of :func:`rgbtvg.inspection.read_source`.
        workers: processes; by default one per CPU core. The result is the same.
        progress: show a bar.
    """
    places: dict[tuple, int] = {}
    pair_of = [places.setdefault(tuple(record["image_paths"].items()), len(places)) for record in source.records]
    workers = workers or os.cpu_count() or 1
    pairs = list(
        track(
            _measure([dict(paths) for paths in places], workers),
            f"reading {len(places)} pairs",
            total=len(places),
            disable=not progress,
        )
    )
    return Survey(source.records, pairs, pair_of, source.faults)


def _measure(pairs: list[dict[str, str]], workers: int) -> Iterable[PairFacts]:
    if workers == 1 or len(pairs) < 64:
        yield from map(measure_pair, pairs)
        return
    # An executor, not a pool: when a worker is killed, it says so instead of waiting.
    with ProcessPoolExecutor(workers) as executor:
        yield from executor.map(measure_pair, pairs, chunksize=16)
