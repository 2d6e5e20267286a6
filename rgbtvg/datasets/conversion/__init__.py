"""Detection sets as they are distributed to records, and records to the formats of other tools."""

from rgbtvg.datasets.conversion.annotation_files import LabelledObject, read_bbgt, read_voc, read_yolo
from rgbtvg.datasets.conversion.detection import (
    KAIST,
    LLVIP,
    M3FD,
    MFAD,
    AnnotatedPair,
    DetectionReader,
    FLIRAligned,
    SiblingFolders,
)
from rgbtvg.datasets.conversion.writers import (
    CanonicalWriter,
    COCOWriter,
    FiftyOneWriter,
    LabelStudioWriter,
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
    "COCOWriter",
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
    "read_bbgt",
    "read_voc",
    "read_yolo",
]
