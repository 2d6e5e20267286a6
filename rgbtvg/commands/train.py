"""Train a method: python tools/train.py CONFIG."""

import argparse

from rgbtvg.cli import add_cfg_options, add_config, parse


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a method.")
    add_config(parser)
    parser.add_argument("--work-dir", help="where checkpoints and logs go (default: work_dirs/<config name>)")
    parser.add_argument(
        "--resume",
        nargs="?",
        const=True,
        default=False,
        metavar="CHECKPOINT",
        help="go on from the newest checkpoint of the work dir, or from the one given; the run is then the same run",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the training that the work dir holds")
    parser.add_argument("--load-from", metavar="CHECKPOINT", help="begin with these weights")
    parser.add_argument("--amp", action="store_true", help="mixed precision (bfloat16)")
    parser.add_argument("--seed", type=int, help="seed, in place of the config's")
    parser.add_argument("--deterministic", action="store_true", help="only deterministic GPU kernels")
    parser.add_argument("--auto-scale-lr", action="store_true", help="scale the learning rate by the real batch size")
    parser.add_argument("--quiet", action="store_true", help="show warnings and the last three lines only")
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm"], default="none")
    add_cfg_options(parser)
    return parse(parser)


def main() -> None:
    args = parse_args()
    # Not before the arguments are known to be right: this takes seconds.
    from rgbtvg.engine import load_config, parse_options, train

    config = load_config(args.config, parse_options(args.cfg_options), args.work_dir)
    train(
        config,
        load_from=args.load_from,
        resume=args.resume,
        amp=args.amp,
        seed=args.seed,
        deterministic=args.deterministic,
        auto_scale_lr=args.auto_scale_lr,
        launcher=args.launcher,
        overwrite=args.overwrite,
        quiet=args.quiet,
    )
