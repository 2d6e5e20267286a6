"""HiVG: the authors' files of every stage, and those of the RGB-T benchmark."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from rgbtvg.checkpoints.converters._clip_adapted import (
    CLIP,
    GUIDE,
    HEADS,
    NORMALISE,
    VISION_LAYER,
    bridge_rules,
    projection_rules,
)
from rgbtvg.checkpoints.rules import Converter, Rule


def rules(state: Mapping[str, Tensor], wanted: Collection[str]) -> list[Rule]:
    return [*bridge_rules(VISION_LAYER, GUIDE), *CLIP, *projection_rules(state, wanted), *HEADS]


CONVERTER = Converter("hivg", rules, NORMALISE)
