"""Wrappers of datasets: reproducible randomness, a resumable position, and unreadable samples.

The randomness of a training sample is a function of the seed, the epoch and its position in the epoch, and of nothing
else: the number of workers and of processes, and a restart in mid-epoch, do not change it.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.util import Finalize
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import FUNCTIONS
from torch.utils.data import Dataset, Sampler

from rgbtvg.engine.random_state import preserved_random_state, seed_all
from rgbtvg.errors import DataError
from rgbtvg.registry import DATA_SAMPLERS, DATASETS
from rgbtvg.structures import GroundingSample

MAX_REPLACEMENTS = 20
"""Samples drawn one after another in place of an unreadable one before a batch is given up."""


class Draw(NamedTuple):
    """An item of the sampler: the index of a sample and the seed of its transforms."""

    index: int  # type: ignore[assignment]  # hides tuple.index
    seed: int


class DrawSampler(Sampler[Draw]):
    """Draws from another sampler, and can begin in mid-epoch without loading what was consumed.

    Args:
        dataset: what is sampled from.
        sampler: config of the sampler that orders the indices by seed and epoch.
        seed: of the run; the same on every process.
    """

    def __init__(self, dataset: Dataset, sampler: dict, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.sampler = DATA_SAMPLERS.build(sampler, default_args=dict(dataset=dataset, seed=self.seed))
        self.epoch = 0
        self.consumed = 0

    def __len__(self) -> int:
        return len(self.sampler)

    def set_epoch(self, epoch: int) -> None:
        """Order and randomness of this epoch, from its beginning."""
        self.epoch = epoch
        self.consumed = 0
        self.sampler.set_epoch(epoch)

    def skip(self, consumed: int) -> None:
        """Begin the epoch after its first `consumed` samples of this process."""
        self.consumed = consumed

    def __iter__(self) -> Iterator[Draw]:
        for local, index in enumerate(self.sampler):
            if local >= self.consumed:
                # Samplers deal positions out to the processes in turn.
                position = local * self.world_size + self.rank
                seed = np.random.SeedSequence((self.seed, self.epoch, position)).generate_state(1, np.uint64)
                yield Draw(index, int(seed[0] >> 1))


class TrainingSamples(Dataset):
    """Samples for training: reproducible, and with an unreadable one replaced by another one drawn at random.

    A replacement carries ``replaced`` in its meta information: index -> sentence of every sample that it stands for.

    Raises:
        DataError: from ``samples[draw]``: `MAX_REPLACEMENTS` in a row are unreadable.
    """

    def __init__(self, dataset: dict) -> None:
        self.dataset = DATASETS.build(dataset)
        self.metainfo = getattr(self.dataset, "metainfo", {})

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        with preserved_random_state(cuda=False):
            seed_all(draw.seed)
            return self._first_readable(draw.index)

    def _first_readable(self, index: int) -> dict[str, Any]:
        replaced: dict[int, str] = {}
        for _ in range(MAX_REPLACEMENTS):
            try:
                sample = self.dataset[index]
            except DataError as error:
                replaced[index] = str(error)
                index = int(torch.randint(len(self), ()))
            else:
                if replaced:
                    sample["data_samples"].set_metainfo(dict(replaced=replaced))
                return sample
        raise DataError(
            f"{MAX_REPLACEMENTS} training samples drawn one after another are unreadable, "
            f"one of them: {next(iter(replaced.values()))}"
        )


class EvaluationSamples(Dataset):
    """Samples for evaluation: none is ever skipped.

    An unreadable one has None for its ``inputs``, and a `GroundingSample` with the truth and its ``error``.
    """

    def __init__(self, dataset: dict) -> None:
        self.dataset = DATASETS.build(dataset)
        self.metainfo = getattr(self.dataset, "metainfo", {})

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        try:
            return self.dataset[index]
        except DataError as error:
            return {"inputs": None, "data_samples": unanswered(self.dataset.get_data_info(index), str(error))}


def unanswered(record: dict[str, Any], error: str) -> GroundingSample:
    """The sample of a record whose images cannot be read."""
    meta = ("sample_id", "dataset", "split", "subsets", "conditions", "expression", "image_paths")
    sample = GroundingSample(metainfo={key: record[key] for key in meta if key in record})
    sample.set_metainfo(dict(ori_shape=tuple(record.get("size") or (0, 0)), error=error))
    if record.get("masks") is not None:
        sample.set_metainfo(dict(gt_rles=record["masks"]))
    sample.gt_boxes_xyxy = torch.tensor(record["boxes"], dtype=torch.float32).reshape(-1, 4)
    return sample


def collate_readable(samples: Sequence[dict], collate: Callable = pseudo_collate) -> dict[str, Any]:
    """A batch of the readable samples, with the others as a list under ``unreadable``."""
    readable = [sample for sample in samples if sample["inputs"] is not None]
    batch = collate(readable) if readable else {}
    batch["unreadable"] = [sample["data_samples"] for sample in samples if sample["inputs"] is None]
    return batch


def training_dataloader(config: dict) -> dict:
    """Config of a data loader whose dataset and sampler are wrapped for training."""
    return dict(
        _for_this_machine(config),
        dataset=dict(type=TrainingSamples, dataset=config["dataset"]),
        sampler=dict(type=DrawSampler, sampler=config["sampler"]),
    )


def evaluation_dataloader(config: dict) -> dict:
    """Config of a data loader whose dataset is wrapped for evaluation."""
    collate = config.get("collate_fn", dict(type="pseudo_collate"))
    function = FUNCTIONS.get(collate["type"]) if isinstance(collate["type"], str) else collate["type"]
    return dict(
        _for_this_machine(config),
        dataset=dict(type=EvaluationSamples, dataset=config["dataset"]),
        collate_fn=dict(type=collate_readable, collate=function),
    )


def _for_this_machine(config: dict) -> dict:
    """Pinned memory for asynchronous copies to a GPU, and persistent workers only if there are workers."""
    persistent = config.get("persistent_workers", False) and config.get("num_workers", 0) > 0
    machine = dict(worker_init_fn=dict(type="outlive_termination"), pin_memory=torch.cuda.is_available())
    return {**machine, **config, "persistent_workers": persistent}


@FUNCTIONS.register_module()
def outlive_termination(worker_id: int) -> None:
    """In a worker: a signal to the whole group is for the main process, which may still need samples."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_workers_at_exit() -> None:
    """In the main process: kill workers at exit; they ignore SIGTERM."""
    Finalize(None, _end_workers, exitpriority=100)


def _end_workers() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PyTorch's handler would report killed workers as failures
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()
