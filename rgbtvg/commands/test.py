"""Test a checkpoint on every split and condition.

python tools/test.py --load-from work_dirs/quickstart/best.pth
python tools/test.py configs/zero_shot/grounding_dino.py --cfg-options weights=pretrain_weights/grounding-dino-base
"""

import argparse

from rgbtvg.cli import add_cfg_options, add_config, check_weights_named, parse_overrides


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config(parser, "config file (default: the config in the checkpoint)")
    parser.add_argument("--load-from", metavar="CHECKPOINT", help="weights to test; zero-shot models need none")
    parser.add_argument("--work-dir", help="where results go (default: work_dirs/<config name>)")
    parser.add_argument("--splits", nargs="+", default=[], help="splits to test, in place of the config's")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the predictions of another checkpoint in the work dir"
    )
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm"], default="none")
    add_cfg_options(parser)
    return check_weights_named(parser, parse_overrides(parser))


def main() -> None:
    args = parse_args()
    # Not before the arguments are known to be right: this takes seconds.
    from rgbtvg.engine import config_from_checkpoint, load_config, parse_options, test

    options = parse_options(args.cfg_options)
    if args.config:
        config = load_config(args.config, options, args.work_dir)
    else:
        config = config_from_checkpoint(args.load_from, options, args.work_dir)
    test(config, args.load_from, args.splits, args.launcher, args.overwrite)
