"""Rules that the converters of several methods share."""

from rgbtvg.checkpoints.rules import Idle, Rename, Rule

DETR_TOWER: tuple[Rule, ...] = (
    Rename("visumodel.backbone.0.body.{rest*}", "image_encoder.resnet.{rest}"),
    Rename("visumodel.input_proj.{rest*}", "image_encoder.input_proj.{rest}"),
    Rename("visumodel.transformer.encoder.{rest*}", "image_encoder.encoder.{rest}"),
)
"""ResNet and DETR encoder as the descendants of TransVG store them."""


def bert_rules(prefix: str) -> tuple[Rule, ...]:
    """BERT stored under `prefix` (``'textmodel.bert'``)."""
    return (
        Idle(f"{prefix}.pooler.{{rest*}}", "the pooled output is never read"),
        Idle(f"{prefix}.embeddings.position_ids", "an index table"),
        Rename(
            f"{prefix}.encoder.{{rest*}}",
            "text_encoder.bert.encoder.{rest}",
            optional="a layer above the one whose output is read",
        ),
        Rename(f"{prefix}.{{rest*}}", "text_encoder.bert.{rest}"),
    )


JOINT_ENCODER: tuple[Rule, ...] = (
    Rename("text_proj.{rest}", "text_proj.{rest}"),
    Rename("reg_token.weight", "fusion.regression_token.weight"),
    Rename("vl_pos_embed.weight", "fusion.positions.weight"),
    Rename("vl_transformer.encoder.{rest*}", "fusion.encoder.{rest}"),
    Rename("bbox_embed.{rest*}", "head.mlp.{rest}"),
)
"""The joint encoder with its regression token, and the box head."""
