"""The data check: from a path to the files of a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rgbtvg.errors import ConfigError
from rgbtvg.inspection.report import Report, examine
from rgbtvg.inspection.report_page import write_page
from rgbtvg.inspection.sources import read_source

FILES = ("report.html", "report.json", "cleaned.jsonl", "dropped.jsonl", "uncertain.jsonl")


def check_data(
    path: str | Path,
    out: str | Path | None = None,
    *,
    data_root: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Report:
    """Check data and write ``report.json``, ``report.html``, and the lists ``cleaned``, ``dropped`` and ``uncertain``.

    Args:
        path: config, folder, ``.pth`` or ``.jsonl``; see :func:`rgbtvg.inspection.read_source`.
        out: folder to write to, by default ``work_dirs/data_check/<data set>``. An earlier report in it is moved to its
            subfolder ``earlier-<n>``.
        data_root: folder of the images, where it is not found beside the annotations.
        options: overrides of a config; for anything else, arguments of its reader such as ``box_format``.
        workers: processes; by default one per CPU core. The result is the same.
        progress: show a bar.

    Returns:
        The report; its ``folder`` has the files.

    Raises:
        ConfigError: `path` is nothing that can be checked, or `out` would overwrite the checked list.
        DataError: nothing in it can be read.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}")
    source = read_source(path, data_root, options)
    report = examine(source, workers, progress)
    folder = report.folder = Path(out or Path("work_dirs", "data_check", source.name))
    report.check_folder(folder)
    report.earlier = _keep_earlier(folder)
    report.write_proposal(folder)
    report.write_json(folder / "report.json")
    write_page(report, folder / "report.html")
    return report


def _keep_earlier(folder: Path) -> Path | None:
    """Move the files of an earlier report into a subfolder; None where there is none."""
    earlier = [folder / name for name in FILES if (folder / name).is_file()]
    if not earlier:
        return None
    number = 1
    while (kept := folder / f"earlier-{number}").exists():
        number += 1
    kept.mkdir()
    for path in earlier:
        path.rename(kept / path.name)
    return kept
