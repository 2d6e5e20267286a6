"""Generate the synthetic RGB-T set, or the RGB set that the miniature encoders are pre-trained on.

python tools/data/make_synthetic.py --out data/synthetic
python tools/data/make_synthetic.py --pretraining --out data/synthetic_pretraining
"""

import argparse

from rgbtvg.datasets.synthetic import (
    PretrainingSpec,
    SyntheticSpec,
    make_pretraining,
    make_synthetic,
    oracle_accuracy,
    read_extras,
)


def parse_args() -> argparse.Namespace:
    default = SyntheticSpec()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder of the set; serves as data root, splits lie in OUT/splits")
    parser.add_argument("--train", type=int, default=default.train, help="training expressions (default %(default)s)")
    parser.add_argument("--val", type=int, default=default.val, help="validation expressions (default %(default)s)")
    parser.add_argument("--test", type=int, default=default.test, help="test expressions (default %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--workers", type=int, help="processes (default: one per CPU core); the result is the same")
    parser.add_argument("--image-size", type=int, nargs=2, default=default.image_size, metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--no-grec", action="store_true", help="leave out expressions with several targets or none")
    parser.add_argument("--pretraining", action="store_true", help="the pre-training set, with sizes of its own")
    parser.add_argument("--overwrite", action="store_true", help="replace a set made with other arguments")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.pretraining:
        make_pretraining(args.out, PretrainingSpec(seed=args.seed), workers=args.workers)
        print(f"{args.out} is complete")
        return
    spec = SyntheticSpec(
        train=args.train,
        val=args.val,
        test=args.test,
        seed=args.seed,
        image_size=tuple(args.image_size),
        grec=not args.no_grec,
    )
    manifest = make_synthetic(args.out, spec, workers=args.workers, overwrite=args.overwrite)
    for split, rows in manifest["rows"].items():
        print(f"{split}: {rows} expressions about {manifest['images'][split]} image pairs")
    expressions = [expression for record in read_extras(args.out) for expression in record["expressions"]]
    oracle = oracle_accuracy(expression["choices"] for expression in expressions)
    print("best possible accuracy: " + ", ".join(f"{name} {accuracy:.3f}" for name, accuracy in oracle.items()))
    print(f"{args.out} is complete")
