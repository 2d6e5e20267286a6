"""TransVG: the authors' files, and those of the RGB-T benchmark's variant."""

from rgbtvg.checkpoints.converters._rules import DETR_TOWER, JOINT_ENCODER, bert_rules
from rgbtvg.checkpoints.rules import Converter, Rename

CONVERTER = Converter(
    "transvg",
    [
        *DETR_TOWER,
        *bert_rules("textmodel.bert"),
        Rename(
            "visu_proj.{rest}",
            "image_proj.{rest}",
            optional="the RGB-T benchmark's variant creates it and never applies it",
        ),
        *JOINT_ENCODER,
    ],
)
