"""Converters of detection sets to records, and of records to the formats of other tools."""

from rgbtvg.datasets.conversion.annotation_files import LabelledObject, read_bbgt, read_voc, read_yolo
from rgbtvg.datasets.conversion.detection import (
    M3FD,
    MFAD,
    AnnotatedPair,
    DetectionReader,
    FLIRAligned,
    SiblingFolders,
)
from rgbtvg.datasets.conversion.own_files import COCOBoxes, CSVBoxes, YOLOBoxes
from rgbtvg.datasets.conversion.pedestrians import KAIST, LLVIP
from rgbtvg.datasets.conversion.tool_writers import FiftyOneWriter, LabelStudioWriter
from rgbtvg.datasets.conversion.writers import (
    CanonicalWriter,
    COCOWriter,
    ODVGWriter,
    RecordWriter,
    RGBTGroundWriter,
)

__all__ = [
    "KAIST",
    "LLVIP",
    "M3FD",
    "MFAD",
    "AnnotatedPair",
    "COCOBoxes",
    "COCOWriter",
    "CSVBoxes",
    "CanonicalWriter",
    "DetectionReader",
    "FLIRAligned",
    "FiftyOneWriter",
    "LabelStudioWriter",
    "LabelledObject",
    "ODVGWriter",
    "RGBTGroundWriter",
    "RecordWriter",
    "SiblingFolders",
    "YOLOBoxes",
    "read_bbgt",
    "read_voc",
    "read_yolo",
]
