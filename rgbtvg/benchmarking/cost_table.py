"""The cost of every method, one process each, as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from typing import NamedTuple


class Entry(NamedTuple):
    """A row of the table.

    Args:
        config: path below `configs/`, without the suffix.
        options: ``key=value`` overrides that reproduce the setting in which the authors' code was measured.
        reference: time of the authors' code, in C1.
    """

    config: str
    options: Sequence[str]
    reference: float | None = None


METHODS = {
    "FAOA": Entry("faoa/faoa_bert", ["modality=rgb"], 0.97),
    "ReSC": Entry("resc/resc_base", ["modality=rgb"], 0.98),
    "TransVG": Entry("transvg/transvg_r50", ["modality=rgb", "image_size=640"], 2.29),
    "AttBalance": Entry("attbalance/attbalance_r50", ["modality=rgb", "image_size=640"]),
    "QRNet": Entry("qrnet/qrnet_swin_s", ["modality=rgb"], 4.23),
    "MMCA": Entry("mmca/mmca_r50", ["modality=rgb", "image_size=640"], 2.78),
    "Dynamic-MDETR": Entry("dynamic_mdetr/dynamic_mdetr_r50", ["modality=rgb", "image_size=640"], 2.02),
    "CLIP-VG, multi-level": Entry("clip_vg/clip_vg_b16_ml", ["modality=rgb"], 1.28),
    "HiVG-B": Entry("hivg/hivg_b16", ["modality=rgb"], 1.90),
    "FSVG": Entry("fsvg/fsvg_b16", ["modality=rgb", "keep_rate=1.0"]),
    "FSVG, keep rate 0.7": Entry("fsvg/fsvg_b16", ["modality=rgb", "keep_rate=0.7"]),
    "OneRef-B": Entry("oneref/oneref_b16", ["modality=rgb"], 2.99),
    "SimVG-B": Entry("simvg/simvg_b32", ["modality=rgb"], 2.02),
    "ALVG-B": Entry("alvg/alvg_b32", ["modality=rgb"], 1.86),
    "RGBT-VGNet-B": Entry("rgbt_vgnet/rgbt_vgnet_b16", [], 3.33),
}
"""Every method at the backbone and image size at which its authors' code was measured."""

COLUMNS = {
    "parameters_m": ("parameters (M)", ".1f"),
    "learning_m": ("learning (M)", ".1f"),
    "gflops": ("GFLOPs", ".1f"),
    "inference_ms": ("CPU latency (ms)", ".0f"),
    "floor_in_C1": ("floor, in C1", ".2f"),
    "inference_in_C1": ("in C1", ".2f"),
    "merged_in_C1": ("merged, in C1", ".2f"),
    "reference_in_C1": ("authors', in C1", ".2f"),
    "peak_gb": ("peak memory (GB)", ".2f"),
}


def cost_table(
    options: Sequence[str],
    threads: int,
    rounds: int,
    report: Callable[[str], None],
    methods: Mapping[str, Entry] = METHODS,
) -> dict[str, dict[str, float]]:
    """Measure inference of `methods` and hand the lines of a Markdown table to `report` as they come.

    The floor of a method is the time of its operations at the speed of the CLIP: its GFLOPs over those of C1.

    Args:
        options: ``key=value`` for every config, after those of its entry.
        threads, rounds: see :func:`rgbtvg.benchmarking.benchmark.measure`.
        report: takes a line.
        methods: name -> entry.

    Returns:
        Name -> its figures.
    """
    report(f"| method | config | {' | '.join(title for title, _ in COLUMNS.values())} |")
    report("|---" * (len(COLUMNS) + 2) + "|")
    figures = {}
    for name, entry in methods.items():
        with get_context("spawn").Pool(1) as pool:  # a process of its own: memory counts from nothing
            row = pool.apply(_measure, (entry.config, [*entry.options, *options], threads, rounds))
        row["floor_in_C1"] = row["gflops"] / row["C1_gflops"]
        if entry.reference is not None:
            row["reference_in_C1"] = entry.reference
        figures[name] = row
        cells = [format(row[key], form) if key in row else "" for key, (_, form) in COLUMNS.items()]
        report(f"| {name} | `{' '.join([entry.config, *entry.options])}` | {' | '.join(cells)} |")
    return figures


def _measure(path: str, options: list[str], threads: int, rounds: int) -> dict[str, float]:
    from rgbtvg.benchmarking.benchmark import measure
    from rgbtvg.engine import load_config, parse_options

    return measure(load_config(path, parse_options(options)), threads=threads, rounds=rounds, training=False)
