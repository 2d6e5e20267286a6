"""The model that is examined, and the samples that it is examined on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from rgbtvg.apis.inferencer import GroundingInferencer
from rgbtvg.datasets.repeatable import pair_key
from rgbtvg.engine.checkpoint_config import config_from_checkpoint
from rgbtvg.engine.config import load_config
from rgbtvg.engine.provenance import code_and_command, data_manifest, file_identity
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import DATASETS

SEED = 0
"""Of the choice of images where only some are used."""


@dataclass
class EvaluatedModel:
    """A model with records of its test set.

    Attributes:
        find: the model and its transforms.
        records: of whole images; every record has at least one true box.
        split: of the records.
        batch_size: samples per forward pass.
        facts: checkpoint, command, versions and data, for the files of results.
    """

    find: GroundingInferencer
    records: list[dict[str, Any]]
    split: str = "test"
    batch_size: int = 64
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def means(self) -> dict[str, list[float]]:
        """Stream -> mean that the model's preprocessor subtracts, on [0, 1]; empty for models that normalise alone."""
        buffers = dict(self.find.model.data_preprocessor.named_buffers())
        return {
            stream: buffers[f"{stream}_mean"].flatten().tolist()
            for stream in self.find.streams
            if f"{stream}_mean" in buffers
        }

    def sample(self, loaded: Mapping[str, Any], expression: str | None = None) -> dict[str, Any]:
        """The sample of a loaded record, with another sentence if one is given; ``""`` has special tokens only."""
        if expression is None:
            return self.find.transformed(loaded)
        if expression:
            return self.find.transformed({**loaded, "expression": expression})
        sample = self.find.transformed(loaded)
        sample["data_samples"].set_metainfo({"expression": ""})
        tokenize = self.find.tokenize
        if tokenize is not None:
            ids = tokenize.tokenizer("")["input_ids"] or [tokenize.tokenizer.unk_token_id or 0]
            sample["data_samples"].token_ids, sample["data_samples"].token_padding_mask = tokenize.padded(ids)
        return sample


def open_model(
    checkpoint: str | Path | None,
    config: str | Path | None = None,
    *,
    split: str = "test",
    num: int | None = None,
    device: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> EvaluatedModel:
    """Load a checkpoint and the records of its test set.

    Args:
        checkpoint: weights; None for a zero-shot config, which names its own.
        config: by default the one in the checkpoint.
        split: of the test set.
        num: number of sentences; whole images are drawn at random, the same ones every time. None takes all.
        device: of the model; by default a GPU if there is one.
        options: overrides of the config.

    Raises:
        ConfigError: the checkpoint or config cannot be used, or the test set does not have this split.
        DataError: the split has no sentence with a target.
    """
    if config is not None:
        loaded = load_config(config, options)
    elif checkpoint is not None:
        loaded = config_from_checkpoint(checkpoint, options)
    else:
        raise ConfigError("name the weights with --load-from, or a zero-shot config with --config")
    find = GroundingInferencer(loaded, checkpoint, device=device)
    if "test_dataloader" not in loaded:
        raise ConfigError("the config has no test_dataloader")
    records = [record for record in records_of_test(loaded, split) if record["boxes"]]
    if not records:
        raise DataError(f"the split {split!r} has no sentence with a target")
    records = chosen(records, num)
    facts = dict(
        checkpoint=find.model.identity() if checkpoint is None else file_identity(checkpoint),
        config=str(loaded.get("config_name", "")),
        streams=list(find.streams),
        data=data_manifest(records),
        **code_and_command(),
    )
    return EvaluatedModel(find, records, split, loaded.test_dataloader.get("batch_size", 64), facts)


def records_of_test(config: Config, split: str) -> list[dict[str, Any]]:
    """Records of one split of a config's test set, without their pixels."""
    dataset = DATASETS.build(_bare(config.test_dataloader.dataset.to_dict(), split))
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def _bare(dataset: dict[str, Any], split: str) -> dict[str, Any]:
    """The config of a dataset, and of those that it joins, without transforms and with one split."""
    if "datasets" in dataset:
        return {**dataset, "datasets": [_bare(one, split) for one in dataset["datasets"]]}
    if "dataset" in dataset and isinstance(dataset["dataset"], dict):
        return {**dataset, "dataset": _bare(dataset["dataset"], split)}
    return {**dataset, "split": split, "pipeline": [], "serialize_data": False}


def chosen(records: Sequence[dict[str, Any]], num: int | None) -> list[dict[str, Any]]:
    """About `num` records: all sentences of images drawn at random, in the order of the data set."""
    if num is None or num >= len(records):
        return list(records)
    pairs: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        pairs.setdefault(pair_key(record), []).append(index)
    keys = list(pairs)
    kept: list[int] = []
    for place in np.random.default_rng(SEED).permutation(len(keys)):
        if len(kept) >= num:
            break
        kept += pairs[keys[place]]
    return [records[index] for index in sorted(kept)]
