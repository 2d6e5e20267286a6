"""Dynamic-MDETR: the authors' files and those of the RGB-T benchmark, with ResNet and BERT or with CLIP."""

from rgbtvg.checkpoints.converters._rules import DETR_TOWER, bert_rules
from rgbtvg.checkpoints.converters.clip_vg import CLIP_RULES
from rgbtvg.checkpoints.rules import Converter, Idle, Rename, Rule

LAST_UPDATE = "the sampling query after the last stage is never read"


def point_transformer(theirs: str, ours: str) -> list[Rule]:
    """Rules of one stage's transformer."""
    layer = f"{theirs}.decoder.layers.{{layer}}"
    return [
        Rename(f"{theirs}.encoder.{{rest*}}", f"{ours}.encoder.{{rest}}"),
        Rename(f"{layer}.multihead_attn.{{rest*}}", f"{ours}.decoder.{{layer}}.cross_attn.{{rest}}"),
        Rename(f"{layer}.{{rest*}}", f"{ours}.decoder.{{layer}}.{{rest}}"),
        Rename(f"{theirs}.decoder.norm.{{leaf}}", f"{ours}.norm.{{leaf}}"),
    ]


CONVERTER = Converter(
    "dynamic_mdetr",
    [
        *DETR_TOWER,
        *bert_rules("textmodel.bert"),
        *CLIP_RULES,
        Rename("visu_proj.{rest}", "image_proj.{rest}"),
        Rename("text_proj.{rest}", "text_proj.{rest}"),
        Rename("vl_pos_embed.weight", "fusion.positions.weight"),
        Rename("vl_encoder.encoder.{rest*}", "fusion.encoder.{rest}"),
        Idle("init_reference_point.weight", "the middle of the picture, fixed"),
        Rename("init_sampling_feature.weight", "decoder.query.weight"),
        Rename("init_content_feature.weight", "decoder.query.weight"),
        Rename("offset_generators.{stage}.{leaf}", "decoder.offsets.{stage}.{leaf}"),
        Rename("update_sampling_queries.{rest*}", "decoder.updates.{rest}", optional=LAST_UPDATE),
        Rename("update_content_queries.{rest*}", "decoder.updates.{rest}", optional=LAST_UPDATE),
        *point_transformer("vl_transformer.{stage}", "decoder.transformers.{stage}"),
        *point_transformer("vl_transformer", "decoder.transformers.0"),
        Rename("bbox_embed.{rest*}", "head.mlp.{rest}"),
    ],
)
