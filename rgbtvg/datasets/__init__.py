"""Files to records (`GroundingDataset` and its subclasses) and records to samples (`transforms`)."""

from rgbtvg.datasets.base import GroundingDataset
from rgbtvg.datasets.canonical import JSONLinesDataset, read_records, write_records
from rgbtvg.datasets.collate import collate_grounding
from rgbtvg.datasets.rgbt_generalised import RGBTGeneralised
from rgbtvg.datasets.rgbt_ground import RGBTGround

__all__ = [
    "GroundingDataset",
    "JSONLinesDataset",
    "RGBTGeneralised",
    "RGBTGround",
    "collate_grounding",
    "read_records",
    "write_records",
]
