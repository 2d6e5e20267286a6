"""Validation that every annotation passes before it becomes a record, whatever its format.

- `files`: text, JSON and row files, in any encoding that annotation tools write.
- `names`: file names from annotations, as paths below the image folder.
- `fields`: ids, expressions and boxes of one row.
- `box_sets`: mistakes that only the boxes of a whole set reveal, such as corners read as sizes.
- `intake`: what a reader refuses, repairs and leaves out, with counts.
"""

from rgbtvg.datasets.records.box_sets import BOX_FORMATS, BOX_UNITS, BoxReader, diagnose_boxes
from rgbtvg.datasets.records.fields import (
    LeftOut,
    check_expression,
    check_id,
    check_size,
    expression_list,
    index_by_id,
    read_numbers,
)
from rgbtvg.datasets.records.files import (
    open_text,
    read_json,
    read_json_rows,
    read_lines,
    read_raw_rows,
    read_reasons,
    read_text,
)
from rgbtvg.datasets.records.intake import Fault, RecordCollector
from rgbtvg.datasets.records.names import relative_name

__all__ = [
    "BOX_FORMATS",
    "BOX_UNITS",
    "BoxReader",
    "Fault",
    "LeftOut",
    "RecordCollector",
    "check_expression",
    "check_id",
    "check_size",
    "diagnose_boxes",
    "expression_list",
    "index_by_id",
    "open_text",
    "read_json",
    "read_json_rows",
    "read_lines",
    "read_numbers",
    "read_raw_rows",
    "read_reasons",
    "read_text",
    "relative_name",
]
