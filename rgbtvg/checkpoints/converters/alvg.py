"""ALVG's checkpoints."""

from rgbtvg.checkpoints.converters._queries import shared_rules
from rgbtvg.checkpoints.rules import Converter, Idle, Rename

LAYER, OWN_LAYER = "head.transformer.decoder.layers.{i}", "decoder.layers.{i}"
UNUSED = "left over from SimVG's token branch"

CONVERTER = Converter(
    "alvg",
    [
        *shared_rules(),
        # There the second normalisation follows the feed-forward and the third the cross-attention.
        Rename(f"{LAYER}.norm2.{{kind}}", f"{OWN_LAYER}.norm3.{{kind}}"),
        Rename(f"{LAYER}.norm3.{{kind}}", f"{OWN_LAYER}.norm2.{{kind}}"),
        Rename(f"{LAYER}.{{rest*}}", f"{OWN_LAYER}.{{rest}}"),
        Rename("head.transformer.img_enhance.text_proj.{kind}", "enhancement.text_proj.{kind}"),
        Rename("head.transformer.img_enhance.img_proj.{kind}", "enhancement.image_proj.{kind}"),
        Idle("head.mask_head.cross_attn.{rest*}", "the mask head attends to nothing"),
        Idle("head.mask_head.norm.{kind}", "the mask head attends to nothing"),
        Rename("head.mask_head.{rest*}", "head.mask_head.{rest}", optional="boxes only"),
        Idle("head.class_embed_token.{kind}", UNUSED),
        Idle("head.bbox_embed_token.{rest*}", UNUSED),
    ],
)
