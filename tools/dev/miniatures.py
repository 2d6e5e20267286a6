"""Make the miniature encoders again and say by how much they differ from those in pretrain_weights/miniature.

python tools/dev/miniatures.py                  # all of them
python tools/dev/miniatures.py clip --commit    # and replace the committed file and card
"""

import argparse
from pathlib import Path

from rgbtvg.cli import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="miniatures (default: all)")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/miniatures"), help="folder of the new ones")
    parser.add_argument("--commit", action="store_true", help="write to pretrain_weights/miniature in place of OUT")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.benchmarking import miniatures
    from rgbtvg.datasets.synthetic import make_pretraining
    from rgbtvg.errors import ConfigError

    names = args.names or list(miniatures.PREFIXES)
    if unknown := sorted(set(names) - set(miniatures.PREFIXES)):
        raise ConfigError(f"no miniature is called {unknown[0]!r}; there are {', '.join(miniatures.PREFIXES)}")
    make_pretraining(miniatures.DATA)
    for name in names:
        folder = miniatures.FOLDER if args.commit else args.out
        card = miniatures.make(name, args.out / f"{name}_run", folder)
        print(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in card["probe"].items()))
        if not args.commit:
            found = miniatures.difference(name, folder)
            print(f"{name}, new less committed: " + ", ".join(f"{key} {value:+.3f}" for key, value in found.items()))


if __name__ == "__main__":
    run(main)
