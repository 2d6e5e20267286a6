"""Mean and standard deviation of the pixels of a config's training set, by stream and channel.

python tools/data/measure_statistics.py configs/transvg/transvg_r50.py --cfg-options dataset=rgbtvg_m3fd

Every image is read once, however many expressions share it. Prints what is measured beside what the config uses, and
the line that makes a config use it.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rgbtvg.cli import add_cfg_options, add_config, parse


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config(parser)
    add_cfg_options(parser)
    parser.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")
    parser.add_argument("--json", help="also write the values here")
    return parse(parser)


def main() -> None:
    args = parse_args()
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from rgbtvg.datasets.measure_statistics import image_files, measure_statistics, statistics_line, training_records
    from rgbtvg.datasets.pixel_statistics import get_statistics
    from rgbtvg.engine import load_config, parse_options
    from rgbtvg.errors import ConfigError
    from rgbtvg.structures import MODALITY_STREAMS

    config = load_config(args.config, parse_options(args.cfg_options))
    normalisation = config.get("thermal_normalisation", "dataset")
    files = image_files(training_records(config), MODALITY_STREAMS[config.modality])
    with Progress("images", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task("images", total=len(files))
        measured = measure_statistics(
            files,
            normalisation,
            config.get("thermal_range", "image"),
            args.workers,
            advance=lambda number: progress.advance(task, number),
        )
    for stream, values in measured.items():
        print(f"{stream:4s} measured   mean {_numbers(values.mean):24s} std {_numbers(values.std)}")
        try:
            used = get_statistics(config.data_preprocessor["statistics"], stream, normalisation)
        except ConfigError as error:
            print(f"{stream:4s} the config has none: {error}")
        else:
            print(f"{stream:4s} in config  mean {_numbers(used.mean):24s} std {_numbers(used.std)}")
    print(f"\n{statistics_line(measured)}")
    if args.json:
        Path(args.json).write_text(
            json.dumps({stream: asdict(values) for stream, values in measured.items()}, indent=1)
        )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)
