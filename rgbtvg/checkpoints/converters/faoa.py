"""FAOA: the authors' files, with BERT or with an LSTM."""

from rgbtvg.checkpoints.converters._darknet import darknet_rules
from rgbtvg.checkpoints.converters._rules import bert_rules
from rgbtvg.checkpoints.rules import Converter, Rename

CONVERTER = Converter(
    "faoa",
    [
        *darknet_rules(),
        Rename("textmodel.embedding.weight", "text_encoder.embedding.weight"),
        Rename("textmodel.mlp.0.{leaf}", "text_encoder.proj.{leaf}"),
        Rename("textmodel.rnn.{leaf}", "text_encoder.rnn.{leaf}"),
        *bert_rules("textmodel"),
        Rename("mapping_visu.{rest*}", "image_proj.{rest}"),
        Rename("mapping_lang.{rest*}", "text_proj.{rest}"),
        Rename("fcn_emb.{rest*}", "fusion.branches.{rest}"),
        Rename("fcn_out.{rest*}", "head.branches.{rest}"),
    ],
)
