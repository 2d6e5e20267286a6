"""HiVG: the authors' files of every stage, and those of the RGB-T benchmark."""

from rgbtvg.checkpoints.converters._clip_adapted import CLIP, GUIDE, HEADS, NORMALISE, VISION_LAYER, bridge_rules
from rgbtvg.checkpoints.rules import Converter, Rename

CONVERTER = Converter(
    "hivg",
    [
        *bridge_rules(VISION_LAYER, GUIDE),
        *CLIP,
        Rename("ml_visual_projection.{kind}", "level_proj.{kind}"),
        Rename("visu_proj.{kind}", "image_proj.{kind}"),
        *HEADS,
    ],
    NORMALISE,
)
