"""Names inside BEiT-3, shared by every method built on it and by the released initial weights."""

from __future__ import annotations

from rgbtvg.checkpoints.rules import Rename

SIDES = (("A", "vision"), ("B", "text"))


def beit3_rules(theirs: str, ours: str) -> list[Rename]:
    """Rules for everything below the prefixes `theirs` and `ours`, each empty or ending in a dot."""
    rules = [
        Rename(f"{theirs}text_embed.weight", f"{ours}text_embedding.weight"),
        Rename(f"{theirs}vision_embed.cls_token", f"{ours}class_token"),
        Rename(f"{theirs}vision_embed.mask_token", f"{ours}mask_token", optional="only pre-training masks patches"),
        Rename(f"{theirs}vision_embed.proj.{{kind}}", f"{ours}patch_embedding.{{kind}}"),
    ]
    for letter, side in SIDES:
        layer, own_layer = f"{theirs}encoder.layers.{{i}}", f"{ours}layers.{{i}}"
        rules += [
            Rename(f"{theirs}encoder.embed_positions.{letter}.weight", f"{ours}{side}_positions"),
            Rename(
                f"{layer}.self_attn.inner_attn_ln.{letter}.{{kind}}",
                f"{own_layer}.attention.inner_norm.{side}.{{kind}}",
            ),
            Rename(
                f"{layer}.self_attn.{{name}}_proj.{letter}.{{kind}}",
                f"{own_layer}.attention.{{name}}_proj.{side}.{{kind}}",
            ),
            Rename(f"{layer}.self_attn_layer_norm.{letter}.{{kind}}", f"{own_layer}.attention_norm.{side}.{{kind}}"),
            Rename(f"{layer}.final_layer_norm.{letter}.{{kind}}", f"{own_layer}.ffn_norm.{side}.{{kind}}"),
            Rename(f"{layer}.ffn.{letter}.ffn_layernorm.{{kind}}", f"{own_layer}.ffn.{side}.inner_norm.{{kind}}"),
            Rename(f"{layer}.ffn.{letter}.{{name}}.{{kind}}", f"{own_layer}.ffn.{side}.{{name}}.{{kind}}"),
            Rename(f"{theirs}encoder.layer_norm.{letter}.{{kind}}", f"{ours}norm.{side}.{{kind}}"),
        ]
    return rules
