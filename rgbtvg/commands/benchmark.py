"""Cost of configs beside a plain CLIP of the `transformers` library, measured in the same process.

python tools/analysis/benchmark.py configs/rgbt_vgnet/rgbt_vgnet_b16.py
python tools/analysis/benchmark.py configs/hivg/hivg_b16.py --cfg-options modality=rgb --json work_dirs/cost.json
python tools/analysis/benchmark.py --all
python tools/analysis/benchmark.py configs/vlm/qwen3_vl_8b_residual.py --plan

C1 is the CLIP's forward pass at batch 1 (no gradients, eager), C2 its forward and backward pass at batch 4. Weights
are random. `--all` makes one table of every method, each in a process of its own.
`--plan` computes the memory and the steps of training a vision-language model with batches of 1, 4 and 16, without
running it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from rgbtvg.cli import add_cfg_options, add_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config(parser)
    parser.add_argument("--all", action="store_true", help="a table of every method, beside its authors' code")
    parser.add_argument("--plan", action="store_true", help="memory of training a VLMGrounder, without its weights")
    add_cfg_options(parser)
    parser.add_argument("--batch-size", type=int, default=1, help="batch size of inference (default 1)")
    parser.add_argument("--train-batch-size", type=int, default=4, help="batch size of a training step (default 4)")
    parser.add_argument("--max-layer", type=int, default=12, help="open layers in the training step (default 12)")
    parser.add_argument("--no-training", action="store_true", help="measure inference only")
    parser.add_argument("--threads", type=int, default=2, help="on a CPU (default 2)")
    parser.add_argument("--rounds", type=int, default=7, help="number of rounds; the median is reported (default 7)")
    parser.add_argument("--json", help="also write the figures here")
    args = parser.parse_args()
    if args.all == bool(args.config):
        parser.error("name a config, or say --all")
    if args.all and args.plan:
        parser.error("--plan is for one config")
    if args.plan and (args.batch_size, args.train_batch_size) != (1, 4):
        parser.error("--plan is for batches of 1, 4 and 16: leave out --batch-size and --train-batch-size")
    return args


def main() -> None:
    args = parse_args()
    figures: dict[str, Any]
    if args.all:
        from rgbtvg.benchmarking.cost_table import cost_table

        figures = cost_table(args.cfg_options, args.threads, args.rounds, print)
    elif args.plan:
        from rgbtvg.benchmarking.plan import plan
        from rgbtvg.engine import load_config, parse_options

        figures = plan(load_config(args.config, parse_options(args.cfg_options)), print)
    else:
        from rgbtvg.benchmarking.benchmark import measure
        from rgbtvg.engine import load_config, parse_options

        figures = measure(
            load_config(args.config, parse_options(args.cfg_options)),
            args.batch_size,
            args.train_batch_size,
            args.max_layer,
            threads=args.threads,
            rounds=args.rounds,
            training=not args.no_training,
        )
        for name, value in figures.items():
            print(f"{name:36s} {value:10.3f}")
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1))
