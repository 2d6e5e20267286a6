"""Generate the synthetic RGB-T set, or the RGB set that the miniature encoders are pre-trained on.

python tools/data/make_synthetic.py --out data/synthetic
python tools/data/make_synthetic.py --pretraining --out data/synthetic_pretraining
"""

import argparse
from typing import Any

from rgbtvg.datasets.synthetic import (
    PretrainingSpec,
    SyntheticSpec,
    make_pretraining,
    make_synthetic,
    oracle_accuracy,
    read_extras,
    write_reworded,
)


def parse_args() -> argparse.Namespace:
    default = SyntheticSpec()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder of the set; serves as data root, splits lie in OUT/splits")
    sizes = "(default {}); not with --pretraining, which has sizes of its own".format
    parser.add_argument("--train", type=int, help=f"training expressions {sizes(default.train)}")
    parser.add_argument("--val", type=int, help=f"validation expressions {sizes(default.val)}")
    parser.add_argument("--test", type=int, help=f"test expressions {sizes(default.test)}")
    parser.add_argument("--image-size", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"), help=sizes(default.image_size))
    parser.add_argument("--no-grec", action="store_true", help="leave out expressions with several targets or none")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--workers", type=int, help="processes (default: one per CPU core); the result is the same")
    parser.add_argument("--pretraining", action="store_true", help="the pre-training set")
    parser.add_argument("--overwrite", action="store_true", help="replace a set made with other arguments")
    args = parser.parse_args()
    if args.pretraining and (args.no_grec or given(args)):
        parser.error("--pretraining takes no sizes: leave out --train, --val, --test, --image-size and --no-grec")
    return args


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The sizes on the command line."""
    sizes = {name: getattr(args, name) for name in ("train", "val", "test") if getattr(args, name) is not None}
    return sizes if args.image_size is None else {**sizes, "image_size": tuple(args.image_size)}


def main() -> None:
    args = parse_args()
    common: dict[str, Any] = {"workers": args.workers, "overwrite": args.overwrite}
    if args.pretraining:
        make_pretraining(args.out, PretrainingSpec(seed=args.seed), **common)
        print(f"{args.out} is complete")
        return
    manifest = make_synthetic(args.out, SyntheticSpec(seed=args.seed, grec=not args.no_grec, **given(args)), **common)
    for split, rows in manifest["rows"].items():
        print(f"{split}: {rows} expressions about {manifest['images'][split]} image pairs")
    write_reworded(args.out)
    print("reworded: the test expressions in other words than those of train")
    expressions = [expression for record in read_extras(args.out) for expression in record["expressions"]]
    oracle = oracle_accuracy(expression["choices"] for expression in expressions)
    print("best possible accuracy: " + ", ".join(f"{name} {accuracy:.3f}" for name, accuracy in oracle.items()))
    print(f"{args.out} is complete")
