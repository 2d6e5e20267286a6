"""Several datasets as one, each with its own weight, without new files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.dataset import ConcatDataset
from mmengine.dist import get_dist_info
from torch.utils.data import Dataset, Sampler

from rgbtvg.datasets.published import report_rows
from rgbtvg.errors import ConfigError
from rgbtvg.registry import DATA_SAMPLERS, DATASETS


@DATASETS.register_module()
class DatasetMixture(ConcatDataset):
    """The rows of several datasets one after another; records keep the dataset that they come from, and in an
    evaluation are in the subset ``<source>_<split>``.

    All sources go through one pipeline with one modality, since a batch has one set of streams: a mixture of RGB sets
    and RGB-T sets is an RGB mixture. With ``modality='rgbt'`` a source without thermal is refused by name. Pixels are
    normalised with one set of statistics, the model's, whatever their source.

    Args:
        dataset: name of the mixture, for messages.
        sources: name -> config of a dataset, in order.
        modality: of every source.
        pipeline: of every source that has none of its own.
        split: in place of the sources' own.
        **shared: more arguments of every source (``data_root``, ``test_mode``); a source's own win.

    Raises:
        ConfigError: no source, or a source that lacks the modality's images.
        DataError: see the sources.
    """

    def __init__(
        self,
        dataset: str,
        sources: Mapping[str, Mapping[str, Any]],
        modality: str = "rgb",
        pipeline: Sequence[dict | Callable] = (),
        split: str | Sequence[str] | None = None,
        **shared: Any,
    ) -> None:
        if not sources:
            raise ConfigError(f"the mixture {dataset} has no sources")
        self.dataset = dataset
        forced = {} if split is None else {"split": split}
        defaults = dict(shared, modality=modality, pipeline=pipeline)
        built = [DATASETS.build({**defaults, "part": name, **source, **forced}) for name, source in sources.items()]
        super().__init__(built)
        self.source_sizes = {name: len(source) for name, source in zip(sources, built, strict=True)}
        self._report_rows()

    def _report_rows(self) -> None:
        """As a dataset does, for splits that all sources have."""
        counts = [source.expression_counts for source in self.datasets]
        for split in counts[0]:
            of_split = [count.get(split) for count in counts]
            if None not in of_split:
                report_rows(self.dataset, split, sum(of_split))


@DATA_SAMPLERS.register_module()
class MixtureSampler(Sampler[int]):
    """Rows of a mixture in random order, each source as often as its weight says.

    A source of N rows with weight w gives ``round(w N)`` rows per epoch: with 1 each row once, with 2 each twice, with
    0.3 three tenths of them, redrawn in every epoch. The order is a function of seed and epoch alone and is dealt
    out to the processes in turn, as MMEngine's `DefaultSampler` does, so that a run resumes in mid-epoch.

    Args:
        dataset: a :class:`DatasetMixture`, or something around it with a ``dataset``.
        weights: source -> weight; a source that is not named has 1. None: 1 for all.
        seed: of the run.

    Raises:
        ConfigError: the dataset is no mixture, a weight names no source, is negative, or all are 0.
    """

    def __init__(self, dataset: Dataset, weights: Mapping[str, float] | None = None, seed: int = 0) -> None:
        mixture = dataset if isinstance(dataset, DatasetMixture) else getattr(dataset, "dataset", None)
        if not isinstance(mixture, DatasetMixture):
            raise ConfigError(f"MixtureSampler needs a DatasetMixture, got a {type(dataset).__name__}")
        weights = dict(weights or {})
        unknown = weights.keys() - mixture.source_sizes.keys()
        if unknown:
            raise ConfigError(
                f"a weight names {sorted(unknown)[0]!r}, but the sources are {', '.join(mixture.source_sizes)}"
            )
        if any(weight < 0 for weight in weights.values()):
            raise ConfigError(f"weights must not be negative, got {weights}")
        self.sizes = list(mixture.source_sizes.values())
        self.draws = [round(weights.get(name, 1) * size) for name, size in mixture.source_sizes.items()]
        if not sum(self.draws):
            raise ConfigError(f"the weights {weights} leave no rows")
        self.rank, self.world_size = get_dist_info()
        self.seed, self.epoch = seed, 0

    def __len__(self) -> int:
        """Of this process, rounded up so that all processes have as many."""
        return -(-sum(self.draws) // self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Order of this epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        chosen, first = [], 0
        for size, draws in zip(self.sizes, self.draws, strict=True):
            rounds = [torch.randperm(size, generator=generator) for _ in range(-(-draws // size))]
            chosen.append(first + torch.cat([*rounds, torch.empty(0, dtype=torch.int64)])[:draws])
            first += size
        drawn = torch.cat(chosen)
        rows = drawn[torch.randperm(len(drawn), generator=generator)].tolist()
        total = len(self) * self.world_size
        rows = (rows * (total // len(rows) + 1))[:total]  # the last processes get rows of the beginning
        yield from rows[self.rank : total : self.world_size]
