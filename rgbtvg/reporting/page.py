"""The page of a report: everything inline, so that the file needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rgbtvg.errors import ConfigError
from rgbtvg.files import replacing
from rgbtvg.reporting import tables
from rgbtvg.reporting.cost import cost_table
from rgbtvg.reporting.images import (
    attention_of,
    figure_of_curves,
    figure_of_reliability,
    figures_of_conditions,
    figures_of_robustness,
    pictures_of,
)
from rgbtvg.reporting.run import Run
from rgbtvg.version import __version__

_ENVIRONMENT = Environment(
    loader=PackageLoader("rgbtvg.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def write_report(runs: Sequence[Run], path: str | Path, attention: bool = False) -> list[Path]:
    """Write the page, and its tables as CSV, Markdown and LaTeX into a folder beside it.

    Args:
        runs: the first one is the reference of comparisons.
        path: the HTML file; tables go to ``<stem>_tables/``.
        attention: also draw where the networks looked, which loads their checkpoints.

    Returns:
        The page and the folder of tables.

    Raises:
        ConfigError: two runs have the same name.
        DataError: `attention`, and a run has no checkpoint.
    """
    path = Path(path)
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise ConfigError(f"two runs have the same name ({', '.join(names)}): give them names, such as rgb=FOLDER")
    overview = tables.overview_tables(runs)
    compared = tables.comparison_tables(runs) if len(runs) > 1 else []
    published = tables.published_tables(runs)
    robust, calibrated = tables.robustness_table(runs), tables.calibration_table(runs)
    cost = cost_table(runs)
    parts = [_part(run, attention) for run in runs]
    shown = [*overview, *compared, *published, *filter(None, (robust, calibrated, cost))]
    shown += [table for part in parts for table in part["tables"]]
    folder = path.with_name(f"{path.stem}_tables")
    for table in shown:
        table.write(folder)
    page = _ENVIRONMENT.get_template("report.html.j2").render(
        title=" · ".join(names),
        time=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        overview=overview,
        compared=compared,
        published=published,
        robustness=robust,
        robustness_curves={name: Markup(figure) for name, figure in figures_of_robustness(runs).items()},
        calibration=calibrated,
        cost=cost,
        curves=Markup(figure_of_curves(runs)),
        bars={kind: Markup(figure) for kind, figure in figures_of_conditions(runs).items()},
        reliability=Markup(figure_of_reliability(runs)),
        parts=parts,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(page)
    return [path, folder]


def _part(run: Run, attention: bool) -> dict[str, Any]:
    """Section of the page about one run."""
    known = run.training or run.test
    facts = {
        "GPU": known.get("gpu") or "none",
        "versions": ", ".join(f"{name} {version}" for name, version in known.get("versions", {}).items()),
        "folder": str(run.folder),
        "predictions": str(run.predictions),
        "fingerprint of the test": run.fingerprint,
    }
    return {
        "name": run.name,
        "anchor": tables.slug(run),
        "facts": facts,
        "config": run.config,
        "tables": [
            tables.sources_table(run),
            tables.split_table(run),
            tables.detectable_table(run),
            *tables.audit_tables(run),
        ],
        "pictures": pictures_of(run),
        "attention": attention_of(run) if attention else [],
    }
