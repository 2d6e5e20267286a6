"""Several datasets as one, each with its own weight, without new files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from mmengine.dataset import ConcatDataset
from mmengine.dist import get_dist_info
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from rgbtvg.datasets.published import report_rows
from rgbtvg.errors import ConfigError
from rgbtvg.registry import DATA_SAMPLERS, DATASETS

UNKNOWN = "unknown"
"""Group of the rows without a label."""
SHARES = {"equal": 0.0, "sqrt": 0.5}
"""Rule -> power of a group's size that its share of an epoch is in proportion to."""


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
    """Rows in random order, each group of rows as often as its weight says, exactly, in every epoch.

    Groups are the sources of a mixture, the values of a condition, or categories. A group of N rows with weight w gives
    ``round(w N)`` rows per epoch: with 1 each row once, with 2 each twice, with 0.3 three tenths of them, redrawn in
    every epoch. ``'equal'`` and ``'sqrt'`` keep the length of the epoch and share it among the groups.

    The order is a function of seed and epoch alone and is dealt out to the processes in turn, as MMEngine's
    `DefaultSampler` does, so that a run resumes in mid-epoch. What an epoch draws is logged at the start.

    Args:
        dataset: a :class:`DatasetMixture`, any dataset for the other groups, or something around one with a
            ``dataset``.
        weights: group -> weight; a group that is not named has 1. ``'equal'``: all groups equally often. ``'sqrt'``: in
            proportion to the square root of their rows (Mahajan et al. 2018). None: each row once.
        seed: of the run.
        by: ``'source'``, ``'category'`` (of ``extra``), or a condition such as ``'lighting'``, ``'weather'``,
            ``'size'``. Rows without it are the group ``'unknown'``.

    Raises:
        ConfigError: no mixture where groups are sources, no row has the condition, `by` without weights, a weight names
            no group, is negative, or all are 0.
    """

    def __init__(
        self, dataset: Dataset, weights: Mapping[str, float] | str | None = None, seed: int = 0, by: str = "source"
    ) -> None:
        if by != "source" and not weights:
            raise ConfigError(f"by={by!r} balances nothing without weights: 'equal', 'sqrt' or a mapping")
        inner: Any = dataset if hasattr(dataset, "get_data_info") else getattr(dataset, "dataset", dataset)
        groups = source_groups(inner) if by == "source" else value_groups(inner, by)
        sizes = {name: len(rows) for name, rows in groups.items()}
        if isinstance(weights, str):
            self.draws = shared_draws(sizes, weights)
        else:
            self.draws = weighted_draws(sizes, weights or {}, by)
        self.rows = [groups[name] for name in self.draws]
        self.rank, self.world_size = get_dist_info()
        self.seed, self.epoch = seed, 0
        if weights:
            drawn = ", ".join(f"{name} {count} of {sizes[name]} rows" for name, count in self.draws.items())
            print_log(f"an epoch draws by {by}: {drawn}; {sum(self.draws.values())} in all", logger="current")

    def __len__(self) -> int:
        """Of this process, rounded up so that all processes have as many."""
        return -(-sum(self.draws.values()) // self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Order of this epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        chosen = []
        for members, draws in zip(self.rows, self.draws.values(), strict=True):
            rounds = [torch.randperm(len(members), generator=generator) for _ in range(-(-draws // len(members)))]
            chosen.append(members[torch.cat([*rounds, torch.empty(0, dtype=torch.int64)])[:draws]])
        drawn = torch.cat(chosen)
        rows = drawn[torch.randperm(len(drawn), generator=generator)].tolist()
        total = len(self) * self.world_size
        rows = (rows * (total // len(rows) + 1))[:total]  # the last processes get rows of the beginning
        yield from rows[self.rank : total : self.world_size]


def source_groups(dataset: Any) -> dict[str, Tensor]:
    """Source of a mixture -> indices of its rows."""
    if not isinstance(dataset, DatasetMixture):
        raise ConfigError(
            f"MixtureSampler needs a DatasetMixture, got a {type(dataset).__name__}: "
            "balance one data set by='lighting', another condition or 'category'"
        )
    ends = torch.tensor([0, *dataset.source_sizes.values()]).cumsum(0).tolist()
    return {
        name: torch.arange(first, end) for name, (first, end) in zip(dataset.source_sizes, pairwise(ends), strict=True)
    }


def value_groups(dataset: Any, by: str) -> dict[str, Tensor]:
    """Value of a condition, or category -> indices of its rows, the largest group first.

    Raises:
        ConfigError: no row has it.
    """
    groups: dict[str, list[int]] = {}
    known: set[str] = set()
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        known |= record["conditions"].keys()
        value = (record.get("extra") or {}).get(by) if by == "category" else record["conditions"].get(by)
        groups.setdefault(UNKNOWN if value is None else str(value), []).append(index)
    if groups.keys() <= {UNKNOWN}:
        has = f"they have {', '.join(sorted(known))}" if known else "they have no conditions"
        raise ConfigError(f"MixtureSampler cannot balance by {by!r}, which no row has: {has}")
    return {name: torch.tensor(groups[name]) for name in sorted(groups, key=lambda name: (-len(groups[name]), name))}


def weighted_draws(sizes: Mapping[str, int], weights: Mapping[str, float], by: str) -> dict[str, int]:
    """Rows per epoch of each group, from weights per row."""
    unknown = weights.keys() - sizes.keys()
    if unknown:
        what = "sources" if by == "source" else f"values of {by}"
        raise ConfigError(f"a weight names {sorted(unknown)[0]!r}, but the {what} are {', '.join(sizes)}")
    if any(weight < 0 for weight in weights.values()):
        raise ConfigError(f"weights must not be negative, got {dict(weights)}")
    draws = {name: round(weights.get(name, 1) * size) for name, size in sizes.items()}
    if not sum(draws.values()):
        raise ConfigError(f"the weights {dict(weights)} leave no rows")
    return draws


def shared_draws(sizes: Mapping[str, int], rule: str) -> dict[str, int]:
    """Rows per epoch of each group, which sum to the number of rows; the largest remainders are rounded up."""
    if rule not in SHARES:
        raise ConfigError(f"weights must be a mapping, {', '.join(map(repr, SHARES))}; got {rule!r}")
    total = sum(sizes.values())
    parts = {name: size ** SHARES[rule] for name, size in sizes.items()}
    exact = {name: total * part / sum(parts.values()) for name, part in parts.items()}
    draws = {name: int(value) for name, value in exact.items()}
    order = sorted(draws, key=lambda name: draws[name] - exact[name])  # the largest remainder first
    for name in order[: total - sum(draws.values())]:
        draws[name] += 1
    return draws
