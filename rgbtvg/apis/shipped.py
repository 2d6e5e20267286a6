"""What comes with the package: the quickstart's trained model and a few synthetic pairs, so that a demo answers at
once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rgbtvg.apis.inferencer import GroundingInferencer

FOLDER = Path(__file__).parents[1] / "shipped"
MODEL = FOLDER / "quickstart.pth"
PAIRS = FOLDER / "pairs.json"


def shipped_inferencer(
    device: str | torch.device | None = None, options: Mapping[str, Any] | None = None, candidates: int | None = None
) -> GroundingInferencer:
    """The quickstart's model. It knows the synthetic streets and the 92 words that are said of them.

    Args:
        device, options, candidates: see :class:`GroundingInferencer`.
    """
    options = {"tokenizer": str(FOLDER / "tokenizer"), **(options or {})}
    return GroundingInferencer(MODEL, device=device, options=options, candidates=candidates)


def shipped_pairs() -> list[tuple[Path, Path, str]]:
    """RGB image, thermal image and expression of each pair, from the test split of the synthetic set."""
    pairs = json.loads(PAIRS.read_text(encoding="utf-8"))
    return [(FOLDER / pair["rgb"], FOLDER / pair["ir"], pair["expression"]) for pair in pairs]
