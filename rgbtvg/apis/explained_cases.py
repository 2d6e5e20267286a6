"""Explain predictions by sample id: find the checkpoint, the records and their files."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from rgbtvg.apis.explanation import Explanation
from rgbtvg.apis.inferencer import GroundingInferencer
from rgbtvg.checkpoints import load_file
from rgbtvg.engine.checkpoint_config import config_from_checkpoint, config_from_text, count_elements
from rgbtvg.engine.config import load_config
from rgbtvg.engine.config_text import parse_config_text
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.evaluation import MISTAKES, load_predictions, mistake, other_boxes
from rgbtvg.evaluation.predictions import find_predictions
from rgbtvg.evaluation.table import text_table
from rgbtvg.registry import DATASETS
from rgbtvg.visualization import select_rows

LINES = "explanations.jsonl"
LOADERS = ("test_dataloader", "val_dataloader", "train_dataloader")


def inspect_predictions(
    samples: Sequence[str] = (),
    *,
    checkpoint: str | Path | None = None,
    config: str | Path | None = None,
    predictions: str | Path | None = None,
    worst: int | None = None,
    split: str | None = None,
    where: Mapping[str, str] | None = None,
    out: str | Path = "work_dirs/inspected",
    width: int = 480,
    device: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Path, Explanation]]:
    """Explain samples one by one; each is a page in `out` and a line at the end of its ``explanations.jsonl``.

    Args:
        samples: their ids.
        checkpoint: weights; those that `predictions` were made with by default.
        config: by default the one that `predictions` were made with, else the checkpoint's own.
        predictions: file or folder; its rows say what to ask. Without it, the data sets of the config do.
        worst: as many samples of `predictions` with the lowest IoU, in place of `samples`.
        split, where: of which samples these are the worst, see :func:`select_rows`.
        out: folder.
        width: of each image in pixels.
        device: of the model.
        options: overrides of the config.

    Raises:
        ConfigError: neither samples nor predictions, no checkpoint, or nothing that `split` and `where` could choose
            among.
        DataError: no such sample, or its image is missing.
    """
    test = config_of_test(predictions) if predictions is not None else None
    if checkpoint is None and test is not None:
        checkpoint = parse_config_text(test.read_text(encoding="utf-8"), test).get("load_from")
    if (split or where) and worst is None:
        raise ConfigError("--split and --where choose among the --worst of --predictions, or what is counted of them")
    if checkpoint is None:
        raise ConfigError("--load-from CHECKPOINT is required")
    if predictions is None and (worst is not None or not samples):
        raise ConfigError("name samples, or --predictions with --worst")
    if config is not None:
        loaded = load_config(config, options)
    elif test is not None:
        text, weights = test.read_text(encoding="utf-8"), count_elements(load_file(checkpoint))
        loaded = config_from_text(text, test, options, weights=weights)
    else:
        loaded = config_from_checkpoint(checkpoint, options)
    if predictions is None:
        records = records_of(loaded, samples)
    else:
        records = records_of_predictions(predictions, samples, worst, split, where)
    find = GroundingInferencer(loaded, checkpoint, device=device)
    folder = Path(out)
    for record, others in records:
        explanation = find.explain_record(record, others)
        path = folder / f"{record['sample_id'].replace('/', '_')}.png"
        explanation.save(path)
        with open(folder / LINES, "a", encoding="utf-8") as lines:
            lines.write(explanation.json_line(image=str(path)) + "\n")
        yield path, explanation


def count_mistakes(predictions: str | Path, split: str | None = None, where: Mapping[str, str] | None = None) -> str:
    """A table of the kinds of mistakes in a predictions file, with an example of each.

    `split` and `where` choose samples, see :func:`select_rows`.
    """
    everything = list(load_predictions(predictions).values())
    rows = select_rows(everything, split=split, where=where, order="first")
    by_image: dict[str, list] = {}
    for row in everything:
        by_image.setdefault(str(row["image_paths"]), []).append(row)
    kinds: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for row in rows:
        kind = mistake(row, other_boxes(row, by_image[str(row["image_paths"])]))
        kinds[kind] += 1
        examples.setdefault(kind, row["sample_id"])
    return text_table(
        ["kind", "count", "share", "meaning", "example"],
        [
            [kind, str(kinds[kind]), f"{kinds[kind] / len(rows):.1%}", meaning, examples[kind]]
            for kind, meaning in MISTAKES.items()
            if kinds[kind]
        ],
    )


def records_of_predictions(
    predictions: str | Path,
    samples: Sequence[str],
    worst: int | None,
    split: str | None = None,
    where: Mapping[str, str] | None = None,
) -> list[tuple[dict[str, Any], list[list[float]]]]:
    """Records of rows of a predictions file, with the other boxes known in the same image."""
    rows = load_predictions(predictions)
    if worst is not None:
        chosen = select_rows(rows.values(), worst, split=split, where=where, order="worst")
    else:
        chosen = [_named(rows, sample) for sample in samples]
    return [(_record(row), other_boxes(row, rows.values())) for row in chosen]


def records_of(config: Config, samples: Sequence[str]) -> list[tuple[dict[str, Any], list[list[float]]]]:
    """Records of the config's data sets by id, those of the test first, with the other boxes in the same image.

    Raises:
        DataError: no data set has the sample; the nearest id is named.
    """
    wanted, ids = dict.fromkeys(samples), []
    for loader in LOADERS:
        if loader not in config or all(wanted.values()):
            continue
        dataset = DATASETS.build({**config[loader].dataset.to_dict(), "pipeline": [], "serialize_data": False})
        records = [dataset.get_data_info(index) for index in range(len(dataset))]
        rows = [{**record, "gt_boxes_xyxy": record["boxes"]} for record in records]
        ids += [row["sample_id"] for row in rows]
        for row in rows:
            if row["sample_id"] in wanted and wanted[row["sample_id"]] is None:
                wanted[row["sample_id"]] = (row, other_boxes(row, rows))
    return [_named(wanted, sample, ids) for sample in samples]


def config_of_test(predictions: str | Path) -> Path | None:
    """The config that a test wrote beside its predictions, if it is the only one there."""
    configs = list(find_predictions(predictions).parent.glob("*_test.py"))
    return configs[0] if len(configs) == 1 else None


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    """A record of a data set from a row of predictions."""
    return {**row, "boxes": row["gt_boxes_xyxy"], "masks": [row["gt_mask"]] if "gt_mask" in row else None}


def _named(rows: Mapping[str, Any], sample: str, ids: Sequence[str] | None = None) -> Any:
    if rows.get(sample) is None:
        close = difflib.get_close_matches(sample, list(rows) if ids is None else ids, 1)
        raise DataError(f"there is no sample {sample!r}" + f"; did you mean {close[0]}?" * bool(close))
    return rows[sample]
