"""RGBT-VGNet in its four generations: bridge (v1), text-guided (v2), tri-prior (v3) and two encoders."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from rgbtvg.checkpoints.converters._clip_adapted import (
    CLIP,
    GUIDE,
    HEADS,
    NORMALISE,
    OTHER_MODE,
    VISION_LAYER,
    bridge_rules,
)
from rgbtvg.checkpoints.rules import Alias, Converter, Idle, Rename, Rule

THERMAL_LAYER = VISION_LAYER.replace("vision_model", "vision_model_ir")

TEXT_GUIDED: list[Rule] = [
    Rename(
        f"{VISION_LAYER}.cross_{part}_{suffix}.{{rest*}}",
        f"{GUIDE}.{stream}.cross_{part}.{{rest}}",
        optional=OTHER_MODE,
    )
    for suffix, stream in (("sv", "rgb"), ("st", "ir"))
    for part in ("norm", "attn", "mlp")
]

CMX: list[Rule] = [
    Rename("cmx.frm.channel_weights.mlp.{rest*}", "neck.rectify.channel.{rest}"),
    Rename("cmx.frm.spatial_weights.mlp.{rest*}", "neck.rectify.spatial.{rest}"),
    *(
        rule
        for n in (1, 2)
        for rule in (
            Rename(f"cmx.ffm.cross.channel_proj{n}.{{kind}}", f"neck.exchange.start.{n - 1}.{{kind}}"),
            Rename(f"cmx.ffm.cross.cross_attn.kv{n}.{{kind}}", f"neck.exchange.context.{n - 1}.{{kind}}"),
            Rename(f"cmx.ffm.cross.end_proj{n}.{{kind}}", f"neck.exchange.end.{n - 1}.{{kind}}"),
            Rename(f"cmx.ffm.cross.norm{n}.{{kind}}", f"neck.exchange.norms.{n - 1}.{{kind}}"),
        )
    ),
    Rename("cmx.ffm.channel_emb.residual.{kind}", "neck.embed.residual.{kind}"),
    Rename("cmx.ffm.channel_emb.channel_embed.{rest*}", "neck.embed.branch.{rest}"),
    Rename("cmx.ffm.channel_emb.norm.{kind}", "neck.embed.norm.{kind}"),
]

TRI_PRIOR: list[Rule] = [
    Rename("iafv3_token_gate.{rest*}", "neck.token_gate.{rest}"),
    Rename("iafv3_channel_gate.{rest*}", "neck.channel_gate.{rest}"),
    Rename("iafv3_temp", "neck.temperature"),
    *(Rename(f"iafv3_{name}", f"neck.{name}") for name in ("alpha", "beta", "gamma", "delta")),
    *(
        Idle(pattern, "an earlier fusion that is stored and never used")
        for pattern in ("iaf_gate.{rest*}", "iaf_{name}", "iafv2_token_gate.{rest*}", "iafv2_channel_gate.{rest*}")
    ),
    Idle("iafv2_{name}", "an earlier fusion that is stored and never used"),
]

NECKS: list[Rule] = [
    *CMX,
    *TRI_PRIOR,
    Rename("visu_fuse.{p}_proj.{kind}", "neck.attention.{p}_proj.{kind}"),
    Rename("visu_fuse.{kind}", "neck.proj.{kind}"),
    *(Rename(f"iwm.{layer}.{{kind}}", f"neck.{layer}.{{kind}}") for layer in ("conv1", "conv2", "fc1", "fc2")),
    Rename("cross_fusion_layers_vt.{rest*}", "stream_exchange.rgb.{rest}"),
    Rename("cross_fusion_layers_tv.{rest*}", "stream_exchange.ir.{rest}"),
]


def has_two_encoders(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict, theirs or ours, is of the generation with a bridge and projections per stream."""
    return any("vision_model_ir." in name or name.startswith("level_proj.ir.") for name in state)


def rules(state: Mapping[str, Tensor]) -> list[Rule]:
    if has_two_encoders(state):
        suffixes = {"rgb": "", "ir": "_ir"}
        generation: list[Rule] = [
            *bridge_rules(VISION_LAYER, f"{GUIDE}.rgb"),
            *bridge_rules(THERMAL_LAYER, f"{GUIDE}.ir"),
            Alias("clip.vision_model_ir.{rest*}", "clip.vision_model.*"),
        ]
    else:
        suffixes = {"": ""}
        generation = [*TEXT_GUIDED, *bridge_rules(VISION_LAYER, GUIDE)]
    projections = [
        Rename(f"{theirs}{suffix}.{{kind}}", f"{'.'.join(filter(None, (ours, stream)))}.{{kind}}")
        for theirs, ours in (("ml_visual_projection", "level_proj"), ("visu_proj", "image_proj"))
        for stream, suffix in suffixes.items()
    ]
    return [*generation, *CLIP, *projections, *NECKS, *HEADS]


CONVERTER = Converter("rgbt_vgnet", rules, NORMALISE)
