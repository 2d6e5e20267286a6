"""The five classic sets in the files that are distributed, with few images of noise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

WIDTH, HEIGHT = 64, 48
COCO_NAME = "COCO_train2014_000000000001.jpg"
IMAGES = (
    ("other/images/mscoco/images/train2014", COCO_NAME),
    ("referit/images", "1.jpg"),
    ("Flickr30k/flickr30k-images", "1.jpg"),
    ("images/visual-genome", "1.jpg"),
)
SPLITS = ("train", "val", "test", "testA", "testB")
SEQTR_FOLDERS = {
    "unc": "refcoco-unc",
    "unc+": "refcocoplus-unc",
    "gref": "refcocog-google",
    "gref_umd": "refcocog-umd",
    "referit": "referitgame-berkeley",
    "flickr": "flickr30k",
}


def write_classic_sets(root: Path, rows: dict[str, int]) -> None:
    """Images, and of every set so many rows per split in ``splits/<dataset>/*.pth`` and in
    ``annotations/<folder>/instances.json``.
    """
    for folder, name in IMAGES:
        (root / folder).mkdir(parents=True)
        noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / folder / name)
    size, polygon = {"height": HEIGHT, "width": WIDTH}, [4, 4, 34, 4, 34, 24, 4, 24]
    for dataset, count in rows.items():
        if dataset == "referit":
            of_set = [("1.jpg", "1_1.pth", [4, 4, 34, 24], f"the red car {index}", []) for index in range(count)]
        elif dataset == "flickr":
            of_set = [("1.jpg", [4, 4, 34, 24], f"the red car {index}") for index in range(count)]
        else:
            of_set = [[COCO_NAME, size, [4, 4, 30, 20], f"the red car {index}", [polygon]] for index in range(count)]
        for split in SPLITS:
            path = root / "splits" / dataset / f"{dataset}_{split}.pth"
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(of_set, path)
        entry = dict(image_id=1, expressions=["the red car", "left car"], bbox=[4, 4, 30, 20], mask=[polygon], **size)
        if dataset in ("referit", "flickr"):
            del entry["mask"]
        path = root / "annotations" / SEQTR_FOLDERS[dataset] / "instances.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({split: [entry] * count for split in SPLITS}), encoding="utf-8")
