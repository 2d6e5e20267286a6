"""Config paths of SimVG and ALVG, and the configs and options here that stand for them.

docs/methods/simvg.md and docs/methods/alvg.md contain :func:`markdown`; the message about a missing config contains
:func:`suggestion`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import NamedTuple

SETS = {
    "refcoco": "refcoco",
    "refcocoplus": "refcoco_plus",
    "refcoco+": "refcoco_plus",
    "refcocog": "refcocog_umd",
    "refcocog-umd": "refcocog_umd",
    "refcocoggoogle": "refcocog_google",
    "referit": "referit",
    "flickr30k": "flickr30k",
    "grefcoco": "grefcoco",
    "mixed": "mixed",
    "cocoall": "coco_all",
}
"""Dataset in their paths -> NAME of ``data=seqtr/NAME``."""
COCO = "refcoco refcocoplus refcocog refcocoggoogle"
MIX = "refcoco refcoco+ refcocog-umd"
FULL_STUDENT = "model.head.token_weight=2.0 model.head.distill_weight=1.0"
BASE, LARGE, MIXED = "single/ViT-base", "single/ViT-large", "mix/ViT-base"
CONFIGS = {
    "SimVG": [
        (f"{BASE}/DATASET/DATASET_onestage.py", f"{COCO} referit flickr30k", "simvg_b32.py", ""),
        (f"{BASE}/DATASET/DATASET_twostage_1.py", COCO, "simvg_b32_twostage_1.py", ""),
        (
            f"{BASE}/DATASET/DATASET_twostage_1.py",
            "referit flickr30k",
            "simvg_b32_twostage_1.py",
            "batch_size=32 custom_hooks=[]",
        ),
        (f"{BASE}/DATASET/DATASET_twostage_2.py", f"{COCO} referit flickr30k", "simvg_b32_twostage_2.py", ""),
        (f"{BASE}/DATASET/DATASET_onestage.py", "grefcoco", "simvg_b32_grec.py", ""),
        (f"{BASE}/DATASET/DATASET_twostage_1.py", "grefcoco", "simvg_b32_grec_twostage_1.py", ""),
        (f"{BASE}/DATASET/DATASET_twostage_2.py", "grefcoco", "simvg_b32_grec_twostage_2.py", ""),
        (f"{LARGE}/DATASET/DATASET_onestage.py", "refcoco refcocoplus refcocog flickr30k", "simvg_l32.py", ""),
        (f"{LARGE}/DATASET/DATASET_onestage.py", "refcocoggoogle", "simvg_l32.py", "warmup_end=1 warmup_factor=1.0"),
        (f"{LARGE}/DATASET/DATASET_onestage.py", "referit", "simvg_l32.py", FULL_STUDENT),
        (f"{LARGE}/DATASET/DATASET_twostage_1.py", f"{COCO} referit flickr30k", "simvg_l32_twostage_1.py", ""),
        (f"{LARGE}/DATASET/DATASET_twostage_2.py", f"{COCO} flickr30k", "simvg_l32_twostage_2.py", ""),
        (f"{LARGE}/DATASET/DATASET_twostage_2.py", "referit", "simvg_l32_twostage_2.py", FULL_STUDENT),
        (f"{MIXED}/pretr*-DATASET.py", "mixed", "simvg_b32_pretrain.py", "image_size=640"),
        (f"{MIXED}/pretr*-DATASET.py", "cocoall", "simvg_b32_pretrain.py", ""),
        (f"{MIXED}/finetune_mix/*#DATASET.py", MIX, "simvg_b32_finetune.py", ""),
        (f"{MIXED}/finetune_coco_all/*#DATASET.py", "refcoco", "simvg_b32_finetune.py", "lr=2e-4"),
        (f"{MIXED}/finetune_coco_all/*#DATASET.py", "refcoco+ refcocog-umd", "simvg_b32_finetune.py", ""),
        (
            f"{MIXED}/two-stage_distill_mix/*#DATASET.py",
            MIX,
            "simvg_b32_finetune_distill.py",
            f"max_epochs=15 milestones=[9] {FULL_STUDENT}",
        ),
        (f"{MIXED}/two-stage_distill_coco_all/*#DATASET.py", MIX, "simvg_b32_finetune_distill.py", ""),
    ],
    "ALVG": [
        (f"{BASE}/DATASET/DATASET.py", "refcoco refcocog refcocoggoogle", "alvg_b32_masks.py", ""),
        (f"{BASE}/DATASET/DATASET.py", "refcocoplus", "alvg_b32_masks.py", "score_weight=16.0"),
        (f"{BASE}/DATASET/*.py", "referit flickr30k", "alvg_b32.py", ""),
        (f"{BASE}/DATASET/DATASET.py", "grefcoco", "alvg_b32_grec.py", ""),
        (f"{LARGE}/DATASET/DATASET.py", COCO, "alvg_l32_masks.py", ""),
        (f"{LARGE}/DATASET/DATASET.py", "referit", "alvg_l32.py", ""),
        (f"{LARGE}/DATASET/DATASET.py", "flickr30k", "alvg_l32.py", "milestones=[24]"),
        ("mix/ViT-large/pretr*-DATASET.py", "cocoall", "alvg_l32_masks.py", "batch_size=8"),
        ("mix/ViT-large/pretr*-DATASET.py", "mixed", "alvg_l32.py", ""),
        (
            "mix/ViT-large/finetune_coco_all/*#DATASET.py",
            MIX,
            "alvg_l32_masks.py",
            "lr=2e-4 max_epochs=10 milestones=[7]",
        ),
    ],
}
"""Method -> (path below their ``configs/``, datasets that DATASET stands for, config here, options besides `data`).

SimVG's come first: ALVG's patterns fit some of its paths."""


class Counterpart(NamedTuple):
    """A config of another repository, or several that differ in their dataset alone."""

    method: str
    theirs: str
    sets: tuple[str, ...]
    ours: str
    options: str

    def command(self, name: str) -> str:
        """Arguments of ``tools/train.py`` to train on one of `sets`."""
        return f"{self.ours} --cfg-options data=seqtr/{SETS[name]} {self.options}".strip()


def counterparts() -> Iterator[Counterpart]:
    """All rows of :data:`CONFIGS`."""
    for method, rows in CONFIGS.items():
        for theirs, sets, ours, options in rows:
            yield Counterpart(method, theirs, tuple(sets.split()), f"configs/{method.lower()}/{ours}", options)


def suggestion(path: PurePath) -> str:
    """'; SimVG's config of that name is ...' for a path of one of these repositories, else ''."""
    for row in counterparts():
        for name in row.sets:
            if fnmatchcase(path.as_posix(), f"*{row.theirs.replace('DATASET', name)}"):
                return f"; {row.method}'s config of that name is here {row.command(name)}"
    return ""


def markdown(method: str) -> str:
    """The table of one method, with the first dataset of each row as the example."""
    lines = ["| theirs, below `configs/` | DATASET | here |", "|---|---|---|"]
    for row in counterparts():
        if row.method == method:
            lines.append(f"| `{row.theirs}` | {', '.join(row.sets)} | `{row.command(row.sets[0])}` |")
    return "\n".join(lines)
