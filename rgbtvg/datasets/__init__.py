"""Files to records (`GroundingDataset` and its subclasses) and records to samples (`transforms`)."""

from rgbtvg.datasets.base import GroundingDataset
from rgbtvg.datasets.canonical import JSONLinesDataset, read_records, write_records
from rgbtvg.datasets.coco import CaptionedCOCO, COCORefs
from rgbtvg.datasets.collate import collate_grounding
from rgbtvg.datasets.instances import SeqTRInstances
from rgbtvg.datasets.mixture import DatasetMixture, MixtureSampler
from rgbtvg.datasets.rgbt_generalised import RGBTGeneralised
from rgbtvg.datasets.rgbt_ground import RGBTGround
from rgbtvg.datasets.row_files import Flickr30kEntities, MixedRows, RefCOCO, ReferItGame
from rgbtvg.datasets.synthetic.paraphrases import Paraphrases, TokenizeSentences

__all__ = [
    "COCORefs",
    "CaptionedCOCO",
    "DatasetMixture",
    "Flickr30kEntities",
    "GroundingDataset",
    "JSONLinesDataset",
    "MixedRows",
    "MixtureSampler",
    "Paraphrases",
    "RGBTGeneralised",
    "RGBTGround",
    "RefCOCO",
    "ReferItGame",
    "SeqTRInstances",
    "TokenizeSentences",
    "collate_grounding",
    "read_records",
    "write_records",
]
