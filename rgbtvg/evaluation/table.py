"""Tables as aligned text, Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

FORMATS = ("text", "markdown", "csv", "latex")
_LATEX_CHARACTERS = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def text_table(headers: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1, width: int | None = None) -> str:
    """A Markdown table with aligned columns; the first `left` columns are left-aligned, the others right-aligned.

    Args:
        headers, rows: text of the cells.
        left: number of left-aligned columns.
        width: longest line. A wider table is split into several, one below the other; all repeat the left-aligned
            columns and the one after them. None never splits.
    """
    rows = [list(row) for row in rows]
    if width is None:
        return _aligned(headers, rows, left)
    widths = [max(map(len, column)) + 3 for column in zip(headers, *rows, strict=True)]
    kept = range(min(left + 1, len(headers)))
    parts: list[list[int]] = [[]]
    for column in range(len(kept), len(headers)):
        if parts[-1] and sum(widths[i] for i in (*kept, *parts[-1], column)) + 1 > width:
            parts.append([])
        parts[-1].append(column)
    return "\n\n".join(
        _aligned([headers[i] for i in (*kept, *part)], [[row[i] for i in (*kept, *part)] for row in rows], left)
        for part in parts
    )


def formatted_table(
    format: str, headers: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1, width: int | None = None
) -> str:
    """The table in one of :data:`FORMATS`; `width` applies to ``text`` only. LaTeX needs the booktabs package."""
    if format == "csv":
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([headers, *rows])
        return buffer.getvalue().rstrip("\n")
    if format == "latex":
        headers = list(headers)
        lines = [" & ".join(map(_latex, row)) + r" \\" for row in (headers, *rows)]
        columns = "l" * left + "r" * (len(headers) - left)
        body = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", lines[0], r"\midrule", *lines[1:]]
        return "\n".join([*body, r"\bottomrule", r"\end{tabular}"])
    return text_table(headers, rows, left, width if format == "text" else None)


def _aligned(headers: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> str:
    table = Table(box=box.MARKDOWN)
    for index, header in enumerate(headers):
        table.add_column(header, justify="left" if index < left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    buffer = io.StringIO()
    Console(file=buffer, width=1000, color_system=None, markup=False, emoji=False, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().strip().splitlines())


def _latex(text: str) -> str:
    return "".join(_LATEX_CHARACTERS.get(character, character) for character in text)
