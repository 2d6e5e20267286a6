"""CLIP-VG: the authors' multi-level files and those of the RGB-T benchmark; CLIP in OpenAI's layout."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from rgbtvg.checkpoints.converters._rules import JOINT_ENCODER
from rgbtvg.checkpoints.rules import Alias, Converter, Idle, Rename, Rule


def attention(theirs: str, ours: str) -> list[Rename]:
    """Fused and plain projections of OpenAI's residual blocks."""
    fused = tuple(f"{ours}.layers.{{i}}.self_attn.{name}_proj.{{kind}}" for name in "qkv")
    return [
        Rename(f"{theirs}.{{i}}.attn.in_proj_{{kind}}", fused),
        Rename(f"{theirs}.{{i}}.attn.out_proj.{{kind}}", f"{ours}.layers.{{i}}.self_attn.out_proj.{{kind}}"),
        Rename(f"{theirs}.{{i}}.ln_{{n}}.{{kind}}", f"{ours}.layers.{{i}}.layer_norm{{n}}.{{kind}}"),
        Rename(f"{theirs}.{{i}}.mlp.c_fc.{{kind}}", f"{ours}.layers.{{i}}.mlp.fc1.{{kind}}"),
        Rename(f"{theirs}.{{i}}.mlp.c_proj.{{kind}}", f"{ours}.layers.{{i}}.mlp.fc2.{{kind}}"),
    ]


CLIP_RULES: list[Rule] = [
    Rename("clip.visual.class_embedding", "image_encoder.class_embedding"),
    Rename("clip.visual.positional_embedding", "image_encoder.position_embedding"),
    Rename("clip.visual.conv1.weight", "image_encoder.patch_embedding.weight"),
    Rename("clip.visual.ln_pre.{kind}", "image_encoder.pre_layernorm.{kind}"),
    Rename("clip.visual.ln_post.{kind}", "image_encoder.post_layernorm.{kind}"),
    Rename("clip.visual.proj", "image_encoder.projection.weight", transpose=True),
    *attention("clip.visual.transformer.resblocks", "image_encoder"),
    Rename("clip.token_embedding.weight", "text_encoder.token_embedding.weight"),
    Rename("clip.positional_embedding", "text_encoder.position_embedding"),
    Rename("clip.ln_final.{kind}", "text_encoder.final_layer_norm.{kind}"),
    Rename("clip.text_projection", "text_encoder.projection.weight", transpose=True),
    *attention("clip.transformer.resblocks", "text_encoder"),
    Idle("clip.logit_scale", "the contrastive temperature is never used"),
]


def is_multi_level(state: Mapping[str, Tensor]) -> bool:
    """True if a state dict, theirs or ours, is of the model that concatenates several layers of CLIP."""
    if "image_proj.weight" in state:
        return state["image_proj.weight"].shape[1] > 2 * state["image_encoder.position_embedding"].shape[1]
    return any(name.endswith("ml_visu_proj.weight") for name in state)


def rules(state: Mapping[str, Tensor], _: Collection[str]) -> list[Rule]:
    if is_multi_level(state):
        image_projection: list[Rule] = [
            Rename("ml_visu_proj.{kind}", "image_proj.{kind}"),
            Idle(
                "visu_proj.{kind}",
                "the multi-level model stores this projection of the last layer and never uses it",
            ),
        ]
    else:
        image_projection = [Rename("visu_proj.{kind}", "image_proj.{kind}")]
    return [
        *CLIP_RULES,
        *image_projection,
        Alias("image_encoder_clip_vg.{rest*}", "clip.visual.*"),
        Alias("text_encoder_clip_vg.{rest*}", "clip.*"),
        Idle("language_prompt", "token ids; the config's prompt_ids holds them"),
        *JOINT_ENCODER,
    ]


CONVERTER = Converter("clip_vg", rules)
