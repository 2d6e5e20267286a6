"""What the parity modules of HiVG and RGBT-VGNet share."""

from __future__ import annotations

import torch
from cases import Case

from methods import _parts

STAGE_DEPTHS = {0: 0, 1: 5, 2: 8, 3: 12}


def image_encoder(clip: dict, out_levels: list[int]) -> dict:
    sizes = {name: clip["vision_config"][name] for name in ("patch_size", "image_size")}
    return dict(type="CLIPVisionEncoder", arch=tower(clip, "vision_config", **sizes), out_levels=out_levels)


def text_encoder(clip: dict, out_levels: list[int]) -> dict:
    text = clip["text_config"]
    sizes = dict(vocabulary_size=text["vocab_size"], context_length=text["max_position_embeddings"])
    return dict(type="CLIPTextEncoder", arch=tower(clip, "text_config", **sizes), out_levels=out_levels)


def tower(clip: dict, name: str, **sizes: int) -> dict:
    """Sizes of the tower whose config lies under `name`, in the words of the transformers library."""
    config = clip[name]
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads")
    return _parts.clip_arch(
        *(config[name] for name in names), clip["projection_dim"], config["intermediate_size"], **sizes
    )


def auxiliary_heads(args: dict) -> list[dict]:
    width = args["vl_hidden_dim"]
    aligned = dict(use_masks=True) if args["use_rtcc_constrain_loss"] else dict(focal_weight=0.0, dice_weight=0.0)
    masked = dict(use_masks=True) if args["use_mask_loss"] else dict(focal_weight=0.0, dice_weight=0.0)
    return [
        dict(type="ContrastiveHead", loss_weight=float(args["use_contrastive_loss"])),
        dict(type="TokenAlignmentHead", width=width, **aligned),
        dict(type="SentenceMaskHead", width=width, **masked),
    ]


def fusion_encoder(args: dict) -> dict:
    return dict(
        type="JointEncoder",
        order=("image", "text"),
        width=args["vl_hidden_dim"],
        depth=args["vl_enc_layers"],
        num_heads=args["vl_nheads"],
        ffn_width=args["vl_dim_feedforward"],
        pre_norm=args["normalize_before"],
    )


def projections_per_stream(case: Case, modality: str) -> list[str]:
    """Projections that the case has a second time for thermal; a single stream runs with the first ones."""
    second = {"level_proj": "ml_visual_projection_ir.weight", "image_proj": "visu_proj_ir.weight"}
    return [ours for ours, theirs in second.items() if theirs in case.spec["state_dict"] and modality == "rgbt"]


def indices(case: Case, pattern: str) -> list[int]:
    """The numbers at the place of ``#`` in the names of the case's outputs."""
    before, after = pattern.split("#")
    found = set()
    for name in case.spec["outputs"]:
        middle = name.removeprefix(before).removesuffix(after)
        if name.startswith(before) and name.endswith(after) and middle.isdecimal():
            found.add(int(middle))
    return sorted(found)


def upsampled(head: torch.nn.Module, outputs: dict) -> torch.Tensor:
    """The mask head's map (B, D, 4h, 4w) as the reference computes it, convolution by convolution, before the last
    one."""
    x = outputs["patches"].transpose(1, 2).unflatten(2, outputs["grid"])
    for convolution in head.convolutions:
        x = convolution(x)
    return x


def auxiliary_losses(losses: dict, args: dict) -> dict:
    """Our auxiliary losses under the reference's names."""
    renamed = {name.replace("loss_align_focal", "loss_algin_focal"): value for name, value in losses.items()}
    if not args["use_contrastive_loss"]:
        renamed.pop("loss_contrastive")
    return renamed
