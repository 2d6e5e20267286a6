"""FSVG: the authors' files and those of the RGB-T benchmark; CLIP in OpenAI's layout under three names."""

from rgbtvg.checkpoints.converters.clip_vg import CLIP_RULES
from rgbtvg.checkpoints.rules import Alias, Converter, Rename

CONVERTER = Converter(
    "fsvg",
    [
        *CLIP_RULES,
        Alias("image_encoder.{rest*}", "clip.visual.*"),
        Alias("text_encoder.{rest*}", "clip.*"),
        Rename("text_resize.fc.{kind}", "text_proj.0.{kind}"),
        Rename("text_resize.layer_norm.{kind}", "text_proj.1.{kind}"),
        Rename("rgbt_fusion.{kind}", "stream_proj.{kind}"),
        Rename("neck.{kind}", "output_proj.{kind}"),
        Rename("bbox_embed.{rest*}", "head.mlp.{rest}"),
    ],
)
