"""The cost of every method, one process each, as one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from multiprocessing import get_context

METHODS = (
    "faoa/faoa_bert",
    "faoa/faoa_lstm",
    "resc/resc_base",
    "resc/resc_large",
    "transvg/transvg_r50",
    "transvg/transvg_r101",
    "qrnet/qrnet_swin_s",
    "mmca/mmca_r50",
    "mmca/mmca_r101",
    "dynamic_mdetr/dynamic_mdetr_r50",
    "dynamic_mdetr/dynamic_mdetr_clip_b16",
    "attbalance/attbalance_r50",
    "fsvg/fsvg_b16",
    "fsvg/fsvg_b16_benchmark",
    "clip_vg/clip_vg_b16",
    "clip_vg/clip_vg_l14_ml",
    "hivg/hivg_b16",
    "hivg/hivg_l14",
    "oneref/oneref_b16",
    "oneref/oneref_l16",
    "simvg/simvg_b32",
    "simvg/simvg_l32",
    "alvg/alvg_b32",
    "alvg/alvg_l32",
    "rgbt_vgnet/rgbt_vgnet_v1_b16",
    "rgbt_vgnet/rgbt_vgnet_b16",
    "rgbt_vgnet/rgbt_vgnet_v3_b16",
)
"""Every method at the backbones of its paper."""

COLUMNS = {
    "parameters_m": ("parameters (M)", ".1f"),
    "learning_m": ("learning (M)", ".1f"),
    "gflops": ("GFLOPs", ".1f"),
    "inference_ms": ("CPU latency (ms)", ".0f"),
    "inference_in_C1": ("in C1", ".2f"),
    "merged_in_C1": ("merged, in C1", ".2f"),
    "peak_gb": ("peak memory (GB)", ".2f"),
}


def cost_table(
    options: Sequence[str], threads: int, rounds: int, report: Callable[[str], None], methods: Sequence[str] = METHODS
) -> dict[str, dict[str, float]]:
    """Measure inference of the configs `methods` and hand the lines of a Markdown table to `report` as they come.

    Args:
        options: ``key=value`` for every config, such as ``modality=rgb``.
        threads, rounds: see :func:`rgbtvg.benchmarking.benchmark.measure`.
        report: takes a line.
        methods: paths below `configs/`, without the suffix.

    Returns:
        Config -> its figures.
    """
    report(f"| config | input | {' | '.join(title for title, _ in COLUMNS.values())} |")
    report("|---" * (len(COLUMNS) + 2) + "|")
    figures = {}
    for name in methods:
        with get_context("spawn").Pool(1) as pool:  # a process of its own: memory counts from nothing
            side, row = pool.apply(_measure, (name, list(options), threads, rounds))
        figures[name] = row
        cells = [format(row[key], form) if key in row else "" for key, (_, form) in COLUMNS.items()]
        report(f"| {name} | {side} | {' | '.join(cells)} |")
    return figures


def _measure(path: str, options: list[str], threads: int, rounds: int) -> tuple[int, dict[str, float]]:
    from rgbtvg.benchmarking.benchmark import measure
    from rgbtvg.engine import load_config, parse_options

    config = load_config(path, parse_options(options))
    return config.image_size, measure(config, threads=threads, rounds=rounds, training=False)
