"""SimVG's released checkpoints."""

from rgbtvg.checkpoints.converters._queries import detrex_decoder_rules, shared_rules
from rgbtvg.checkpoints.rules import Converter, Rename

STUDENT = "the decoder alone was trained"

CONVERTER = Converter(
    "simvg",
    [
        *shared_rules(),
        *detrex_decoder_rules("head.transformer.decoder.", "decoder."),
        Rename("head.input_cls_proj.{kind}", "class_proj.{kind}", optional=STUDENT),
        Rename("head.mlp.layers.{rest*}", "head.token_layers.{rest}", optional=STUDENT),
        Rename("head.class_embed_token.{kind}", "head.token_predictor.classify.{kind}", optional=STUDENT),
        Rename("head.bbox_embed_token.{rest*}", "head.token_predictor.box_mlp.{rest}", optional=STUDENT),
    ],
)
