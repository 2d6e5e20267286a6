"""Dynamic-MDETR: the authors' files and those of the RGB-T benchmark, with ResNet and BERT or with CLIP."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

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


def is_clip(state: Mapping[str, Tensor]) -> bool:
    """True if a state dict, theirs or ours, is of the variant on CLIP."""
    return any(name.startswith(("clip.", "module.clip.", "image_encoder.class_embedding")) for name in state)


def rules(state: Mapping[str, Tensor], _: Collection[str]) -> list[Rule]:
    # The two variants call the same thing by different names.
    kind = "content" if is_clip(state) else "sampling"
    return [
        *(CLIP_RULES if is_clip(state) else (*DETR_TOWER, *bert_rules("textmodel.bert"))),
        Rename("visu_proj.{rest}", "image_proj.{rest}"),
        Rename("text_proj.{rest}", "text_proj.{rest}"),
        Rename("vl_pos_embed.weight", "fusion.positions.weight"),
        Rename("vl_encoder.encoder.{rest*}", "fusion.encoder.{rest}"),
        Idle("init_reference_point.weight", "the middle of the image, fixed"),
        Rename(f"init_{kind}_feature.weight", "decoder.query.weight"),
        Rename("offset_generators.{stage}.{leaf}", "decoder.offsets.{stage}.{leaf}"),
        Rename(f"update_{kind}_queries.{{rest*}}", "decoder.updates.{rest}", optional=LAST_UPDATE),
        *point_transformer("vl_transformer.{stage}", "decoder.transformers.{stage}"),
        *point_transformer("vl_transformer", "decoder.transformers.0"),
        Rename("bbox_embed.{rest*}", "head.mlp.{rest}"),
    ]


CONVERTER = Converter("dynamic_mdetr", rules)
