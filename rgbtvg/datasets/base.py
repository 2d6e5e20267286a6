"""What every grounding dataset shares: splits in, records out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from rgbtvg.datasets.transforms import build_transforms
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.structures import MODALITY_STREAMS


class GroundingDataset(BaseDataset):
    """Records (docs/architecture.md) of one or several splits, through a pipeline of transforms.

    A subclass only turns files into records: :meth:`available_splits` and :meth:`load_split`. Several splits of one
    dataset come one after another, each record knowing its own, so that one pass of an evaluation covers them all.

    Args:
        dataset: name, written into every record.
        split: one split or several.
        data_root: folder of the images.
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``: the streams whose image folders must exist.
        pipeline: transforms, as configs or callables.
        **kwargs: MMEngine's `BaseDataset`: `indices` (N for the first N rows, -N for the last, or a list), `test_mode`,
            `serialize_data` (on: workers share one copy of the records), `lazy_init`.

    Raises:
        ConfigError: unknown modality.
        DataError: folder or file missing, split unknown, or no rows in all splits together. From ``dataset[i]``: what a
            transform found, naming the sample.
    """

    def __init__(
        self,
        dataset: str,
        split: str | Sequence[str],
        data_root: str | Path,
        modality: str = "rgbt",
        pipeline: Sequence[dict | Callable] = (),
        **kwargs: Any,
    ) -> None:
        if modality not in MODALITY_STREAMS:
            raise ConfigError(f"modality must be one of {', '.join(MODALITY_STREAMS)}, got {modality!r}")
        self.dataset = dataset
        self.splits = [split] if isinstance(split, str) else list(split)
        self.modality = modality
        super().__init__(data_root=str(data_root), pipeline=build_transforms(pipeline), **kwargs)

    def available_splits(self) -> list[str]:
        """Names that :meth:`load_split` accepts, with the files that lie there."""
        raise NotImplementedError

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split; may be empty."""
        raise NotImplementedError

    def load_data_list(self) -> list[dict[str, Any]]:
        """MMEngine's hook: the records of all splits."""
        available = self.available_splits()
        for split in self.splits:
            if split not in available:
                raise DataError(f"{self.dataset} has no split {split!r}; there are {', '.join(available)}")
        records = [record for split in self.splits for record in self.load_split(split)]
        if not records:
            raise DataError(f"{self.dataset} has no rows in {', '.join(self.splits)}")
        return records

    def prepare_data(self, idx: int) -> Any:
        """Record `idx` through the pipeline; a DataError of a transform gets the sample's id in front."""
        record = self.get_data_info(idx)
        try:
            return self.pipeline(record)
        except DataError as error:
            raise DataError(f"{record['sample_id']}: {error}") from error
