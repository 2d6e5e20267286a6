"""Rules for CLIP in Hugging Face's names with peft adapters and cross-modal bridges, as HiVG's descendants store it.

Files differ in what peft of their time wrote: ``base_model.model.`` once or, after repeated wrapping, several times,
and from peft 0.7 on a ``base_layer`` inside every adapted Linear. :data:`NORMALISE` removes both. Files of CLIP alone
have the wrappers without ``clip.`` before them.
"""

from __future__ import annotations

from collections.abc import Collection

from rgbtvg.checkpoints.converters._rules import JOINT_ENCODER
from rgbtvg.checkpoints.rules import ONE_STREAM, Idle, Rename, Rule

NORMALISE = (
    (r"^module\.", ""),
    (r"^(clip\.)?(base_model\.model\.)+", "clip."),
    (r"\.base_layer\.", "."),
)
GROUPS = {"default": "shared", "lora_rgb": "rgb", "lora_ir": "ir"}
"""Names of adapters in the references -> LoRA groups of ours."""

OTHER_ENCODER = "the references make every adapter in both encoders, and run each in one"
OTHER_MODE = "the references store it in every mode, and use it in one"
PROJECTIONS = {"level_proj": "ml_visual_projection", "image_proj": "visu_proj"}
"""Projections that a model has once or per stream, each for itself: ours -> theirs."""


def lora_rules(theirs: str, ours: str) -> list[Rule]:
    """Adapters below a module, in both directions."""
    return [
        Rename(f"{theirs}.lora_{letter}.{name}.weight", f"{ours}.lora.{group}.{factor}", optional=OTHER_ENCODER)
        for name, group in GROUPS.items()
        for letter, factor in (("A", "down"), ("B", "up"))
    ]


def bridge_rules(layer: str, guide: str) -> list[Rule]:
    """HiVG's bridge inside the layer `layer` (theirs) as the guide `guide` (ours)."""
    return [
        *lora_rules(f"{layer}.cross_attn.{{p}}", f"{guide}.cross_attn.{{p}}"),
        Rename(f"{layer}.cross_gate.{{kind}}", f"{guide}.gate.gate.{{kind}}", optional=OTHER_MODE),
        Rename(f"{layer}.cross_adaptive_weights.{{n}}.weight", f"{guide}.gate.weights.{{n}}", optional=OTHER_MODE),
        *(
            Rename(f"{layer}.{part}.{{rest*}}", f"{guide}.{part}.{{rest}}", optional=OTHER_MODE)
            for part in ("cross_norm", "cross_attn", "cross_mlp")
        ),
    ]


def is_per_stream(names: Collection[str], projection: str) -> bool:
    """True if there is a projection for each stream, by names of theirs or ours."""
    theirs, ours = f"{PROJECTIONS[projection]}_ir.", (f"{projection}.rgb.", f"{projection}.ir.")
    return any(theirs in name or name.startswith(ours) for name in names)


def projection_rules(names: Collection[str], wanted: Collection[str]) -> list[Rule]:
    """The visual projections; a model that has one takes RGB's, with which the references run a single stream."""
    rules: list[Rule] = []
    for ours, theirs in PROJECTIONS.items():
        if is_per_stream(names, ours) and f"{ours}.weight" not in wanted:
            rules.append(Rename(f"{theirs}.{{kind}}", f"{ours}.rgb.{{kind}}", optional=ONE_STREAM))
        else:
            rules.append(Rename(f"{theirs}.{{kind}}", f"{ours}.{{kind}}"))
        rules.append(Rename(f"{theirs}_ir.{{kind}}", f"{ours}.ir.{{kind}}", optional=ONE_STREAM))
    return rules


VISION_LAYER = "clip.vision_model.encoder.layers.{i}"
GUIDE = "image_encoder.layers.{i}.slots.guide"


def tower_rules(theirs: str, ours: str) -> list[Rule]:
    """One tower of CLIP; rules for what sits in its slots come before these."""
    layer = f"{theirs}.encoder.layers.{{i}}"
    return [
        Idle(f"{theirs}.embeddings.position_ids", "an index table"),
        *lora_rules(f"{layer}.self_attn.{{p}}", f"{ours}.layers.{{i}}.self_attn.{{p}}"),
        Rename(f"{theirs}.embeddings.position_embedding.weight", f"{ours}.position_embedding"),
        Rename(f"{theirs}.embeddings.class_embedding", f"{ours}.class_embedding"),
        Rename(f"{theirs}.embeddings.patch_embedding.weight", f"{ours}.patch_embedding.weight"),
        Rename(f"{theirs}.embeddings.token_embedding.weight", f"{ours}.token_embedding.weight"),
        Rename(f"{theirs}.pre_layrnorm.{{kind}}", f"{ours}.pre_layernorm.{{kind}}"),
        Rename(f"{theirs}.post_layernorm.{{kind}}", f"{ours}.post_layernorm.{{kind}}"),
        Rename(f"{theirs}.final_layer_norm.{{kind}}", f"{ours}.final_layer_norm.{{kind}}"),
        *(
            Rename(f"{layer}.{part}.{{rest*}}", f"{ours}.layers.{{i}}.{part}.{{rest}}")
            for part in ("self_attn", "mlp", "layer_norm1", "layer_norm2")
        ),
    ]


CLIP: tuple[Rule, ...] = (
    *tower_rules("clip.vision_model", "image_encoder"),
    *tower_rules("clip.text_model", "text_encoder"),
    Rename("clip.visual_projection.weight", "image_encoder.projection.weight"),
    Rename("clip.text_projection.weight", "text_encoder.projection.weight"),
    Rename("clip.logit_scale", "auxiliary_heads.0.logit_scale"),
)

HEADS: tuple[Rule, ...] = (
    Rename("condition_text_proj.{kind}", "guide_proj.{kind}", optional=OTHER_MODE),
    Rename("visu_token_norm.{kind}", "auxiliary_heads.1.norm.{kind}"),
    Rename("visu_token_mlp.{rest*}", "auxiliary_heads.1.mlp.{rest}"),
    *(Rename(f"seg_conv{n}.weight", f"auxiliary_heads.2.convolutions.{n - 1}.weight") for n in (1, 2, 3)),
    Idle("ml_text_feat_perceiver.{kind}", "never used"),
    Idle("reg_pos_embed.weight", "never used"),
    Idle("condition_text_pos_embed.weight", "never used"),
    *JOINT_ENCODER,
)
"""Everything outside CLIP but the visual projections; the auxiliary heads in the order contrast, patches, mask."""
