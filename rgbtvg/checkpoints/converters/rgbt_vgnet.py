"""RGBT-VGNet in its four generations: bridge (v1), text-guided (v2), tri-prior (v3) and two encoders."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from torch import Tensor

from rgbtvg.checkpoints.converters._clip_adapted import (
    CLIP,
    GUIDE,
    HEADS,
    NORMALISE,
    OTHER_MODE,
    PROJECTIONS,
    VISION_LAYER,
    bridge_rules,
    is_per_stream,
    projection_rules,
)
from rgbtvg.checkpoints.rules import ONE_STREAM, Alias, Converter, Idle, Rename, Rule

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

FUSIONS: list[Rule] = [
    *CMX,
    *TRI_PRIOR,
    Rename("visu_fuse.{p}_proj.{kind}", "neck.attention.{p}_proj.{kind}"),
    Rename("visu_fuse.{kind}", "neck.proj.{kind}"),
    *(Rename(f"iwm.{layer}.{{kind}}", f"neck.{layer}.{{kind}}") for layer in ("conv1", "conv2", "fc1", "fc2")),
    Rename("cross_fusion_layers_vt.{rest*}", "stream_exchange.rgb.{rest}"),
    Rename("cross_fusion_layers_tv.{rest*}", "stream_exchange.ir.{rest}"),
]
FUSIONS = [replace(rule, optional=ONE_STREAM) if isinstance(rule, Rename) else rule for rule in FUSIONS]


def has_two_encoders(names: Collection[str]) -> bool:
    """True if names, theirs or ours, are of the generation with a bridge per stream.

    Bridges of ours have the names of version 2's text-guided blocks. That generation has both projections per stream
    beside them, and adapters in them or no exchange between the streams.
    """
    if any("vision_model_ir." in name for name in names):
        return True
    guides = [name for name in names if ".slots.guide.rgb." in name or ".slots.guide.ir." in name]
    adapted = any(".lora." in name for name in guides)
    exchanging = any(name.startswith("stream_exchange.") for name in names)
    projections = all(is_per_stream(names, name) for name in PROJECTIONS)
    return bool(guides) and projections and (adapted or not exchanging)


def rules(state: Mapping[str, Tensor], wanted: Collection[str]) -> list[Rule]:
    shared_guide = any(".slots.guide.cross_norm." in name for name in wanted)
    if has_two_encoders(state):
        generation: list[Rule] = [
            *bridge_rules(VISION_LAYER, GUIDE if shared_guide else f"{GUIDE}.rgb"),
            *bridge_rules(THERMAL_LAYER, f"{GUIDE}.ir"),
            Alias("clip.vision_model_ir.{rest*}", "clip.vision_model.*"),
        ]
    else:
        generation = [*TEXT_GUIDED, *bridge_rules(VISION_LAYER, GUIDE)]
    return [*generation, *CLIP, *projection_rules(state, wanted), *FUSIONS, *HEADS]


CONVERTER = Converter("rgbt_vgnet", rules, NORMALISE)
