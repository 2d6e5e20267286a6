"""Validation that every annotation passes before it becomes a record, whatever its format.

- `files`: text, JSON and row files, in any encoding that annotation tools write.
- `names`: file names from annotations, as paths below the image folder.
- `fields`: ids, sentences and boxes of one row.
- `box_sets`: mistakes that only the boxes of a whole set reveal, such as corners read as sizes.
- `intake`: what a reader refuses, repairs and leaves out, with counts.
"""

from rgbtvg.datasets.records.box_sets import BOX_FORMATS, BOX_UNITS, BoxReader, diagnose_boxes
from rgbtvg.datasets.records.fields import (
    LeftOut,
    check_id,
    check_sentence,
    check_size,
    index_by_id,
    read_numbers,
    sentence_list,
)
from rgbtvg.datasets.records.files import (
    open_text,
    read_json,
    read_json_rows,
    read_lines,
    read_raw_rows,
    read_text,
)
from rgbtvg.datasets.records.intake import Fault, Intake
from rgbtvg.datasets.records.names import relative_name

__all__ = [
    "BOX_FORMATS",
    "BOX_UNITS",
    "BoxReader",
    "Fault",
    "Intake",
    "LeftOut",
    "check_id",
    "check_sentence",
    "check_size",
    "diagnose_boxes",
    "index_by_id",
    "open_text",
    "read_json",
    "read_json_rows",
    "read_lines",
    "read_numbers",
    "read_raw_rows",
    "read_text",
    "relative_name",
    "sentence_list",
]
