"""Put a trained quickstart model, its tokenizer and a few test pairs into the package.

python tools/dev/ship_quickstart.py work_dirs/quickstart/best.pth
"""

import argparse
import json
import shutil
from pathlib import Path

from rgbtvg.cli import run

IMAGES = (8, 3, 0, 21, 40)
"""Numbers of the shipped test images; the first expression of each is shipped too."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="of configs/quickstart/quickstart.py")
    parser.add_argument("--data-root", type=Path, default=Path("data/synthetic"))
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    import torch

    from rgbtvg.apis.shipped import FOLDER, MODEL, PAIRS
    from rgbtvg.safe_load import load_file

    checkpoint = load_file(args.checkpoint)
    state = {name: t.half() if t.is_floating_point() else t for name, t in checkpoint["state_dict"].items()}
    meta = {name: checkpoint["meta"][name] for name in ("cfg", "epoch", "iter", "seed", "provenance")}
    FOLDER.mkdir(exist_ok=True)
    torch.save({"meta": meta, "state_dict": state}, MODEL)
    shutil.copytree(args.data_root / "tokenizer", FOLDER / "tokenizer", dirs_exist_ok=True)
    rows = load_file(args.data_root / "splits/rgbtvg_synthetic/rgbtvg_synthetic_test.pth")
    pairs = []
    for number in IMAGES:
        name = f"synthetic_test_{number:05d}.jpg"
        files = {}
        for stream in ("rgb", "ir"):
            files[stream] = f"{stream}_{number}.jpg"
            shutil.copyfile(args.data_root / "rgbtvg/rgbtvg-images/all" / stream / name, FOLDER / files[stream])
        row = next(row for row in rows if row[0] == name)
        pairs.append({**files, "expression": row[3], "box_xywh": row[2]})
    PAIRS.write_text(json.dumps(pairs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
