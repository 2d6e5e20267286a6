"""Names that SimVG and ALVG share besides BEiT-3's: text-guided queries and their decoder's heads."""

from __future__ import annotations

from rgbtvg.checkpoints.converters._beit3 import beit3_rules
from rgbtvg.checkpoints.rules import Idle, Rename, Rule

QUERY_DECODER = "head.text_guided_query_generation_transformer."


def detrex_decoder_rules(theirs: str, ours: str) -> list[Rename]:
    """Rules for a decoder in detrex's layout below the prefixes."""
    layer, own_layer = f"{theirs}layers.{{i}}", f"{ours}layers.{{i}}"
    return [
        Rename(f"{layer}.attentions.0.attn.{{rest*}}", f"{own_layer}.self_attn.{{rest}}"),
        Rename(f"{layer}.attentions.1.attn.{{rest*}}", f"{own_layer}.cross_attn.{{rest}}"),
        Rename(f"{layer}.ffns.0.layers.0.0.{{kind}}", f"{own_layer}.linear1.{{kind}}"),
        Rename(f"{layer}.ffns.0.layers.1.{{kind}}", f"{own_layer}.linear2.{{kind}}"),
        *(Rename(f"{layer}.norms.{n}.{{kind}}", f"{own_layer}.norm{n + 1}.{{kind}}") for n in range(3)),
        Rename(f"{theirs}post_norm_layer.{{kind}}", f"{ours}norm.{{kind}}"),
    ]


def shared_rules() -> list[Rule]:
    """BEiT-3, projections, queries and the decoder branch's class and box layers."""
    return [
        *beit3_rules("vis_enc.beit3.", "backbone."),
        *detrex_decoder_rules(QUERY_DECODER, "queries.decoder."),
        Rename("head.query_embed.weight", "queries.embedding.weight"),
        Rename("head.input_proj.{kind}", "image_proj.{kind}"),
        Rename("head.input_text_proj.{kind}", "text_proj.{kind}"),
        Rename("head.class_embed_decoder.{kind}", "head.decoder_predictor.classify.{kind}"),
        Rename("head.bbox_embed_decoder.{rest*}", "head.decoder_predictor.box_mlp.{rest}"),
        Idle("head.criterion{which}.empty_weight", "a constant of the loss"),
        Idle("head.criterion.empty_weight", "a constant of the loss"),
    ]
