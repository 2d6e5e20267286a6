"""Weights of CLIP from the files that people have: Hugging Face directories and files, OpenAI's archives, files of
ours."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from rgbtvg.checkpoints.initial import read_initial_weights, weights_in
from rgbtvg.errors import CheckpointError
from rgbtvg.structures.grid_tables import resize_grid_table

# Names below `vision_model.` and `text_model.` in Hugging Face's CLIPModel -> ours.
RENAMES = (
    (r"^embeddings\.position_embedding\.weight$", "position_embedding"),
    (r"^embeddings\.", ""),
    (r"^encoder\.", ""),
    (r"^pre_layrnorm\.", "pre_layernorm."),
)
OWN_PREFIXES = {"vision": "image_encoder.", "text": "text_encoder."}


def load_clip_weights(encoder: nn.Module, path: str, part: str) -> None:
    """Fill one of our encoders from a file.

    Args:
        encoder: a :class:`CLIPVisionEncoder` or :class:`CLIPTextEncoder`.
        path: a Hugging Face directory, a weight file with its names, OpenAI's ``ViT-*.pt``, or CLIP in a checkpoint of
            ours without adapters (``tools/convert_checkpoint.py`` makes one of a debiased CLIP).
        part: ``'vision'`` or ``'text'``.

    Raises:
        CheckpointError: the file is missing, holds no CLIP, or one of another architecture.
    """
    state = read_tower(path, part)
    if part == "vision":
        if isinstance(encoder.patch_embedding, nn.Conv2d) and "patch_embedding.weight" in state:
            state["patch_embedding.weight"] = fit_patch_embedding(
                state["patch_embedding.weight"], encoder.get_parameter("patch_embedding.weight").shape
            )
        rows = len(encoder.get_parameter("position_embedding")) - 1
        state["position_embedding"] = resize_grid_table(
            state["position_embedding"], (math.isqrt(rows),) * 2, num_prefix=1, antialias=False
        )
    # Adapters and plugged-in modules that are already in place keep their own start.
    missing, unexpected = set(encoder.state_dict()) - set(state), set(state) - set(encoder.state_dict())
    missing = {name for name in missing if ".slots." not in name and ".lora" not in name}
    if missing or unexpected:
        raise CheckpointError(
            f"{path} does not hold the {part} encoder that the config asks for: "
            f"missing {sorted(missing)[:3]}, unexpected {sorted(unexpected)[:3]}"
        )
    for name, tensor in encoder.state_dict().items():
        if name in state and state[name].shape != tensor.shape:
            raise CheckpointError(
                f"{path}: {name} has shape {tuple(state[name].shape)}, the config needs {tuple(tensor.shape)}"
            )
    encoder.load_state_dict(state, strict=False)


def read_tower(path: str, part: str) -> dict[str, Tensor]:
    """The vision or text tower of a file under our names, in float32."""
    state, prefix = read_clip(path), OWN_PREFIXES[part]
    if f"{prefix}projection.weight" not in state:
        return clip_part(state, part)
    tower = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    if any(".lora." in name for name in tower):
        raise CheckpointError(
            f"{path} has LoRA beside CLIP's weights: fold it in first (tools/convert_checkpoint.py ... --merge-lora)"
        )
    return tower


def read_clip(path: str) -> dict[str, Tensor]:
    """State dict of a CLIP file under Hugging Face's names, or of a checkpoint of ours, in float32."""
    source = Path(path)
    if source.is_dir():
        source = weights_in(source)
    state = read_initial_weights(source, "CLIP (the Hugging Face directory of the model, or ViT-B-16.pth)")
    if "visual.proj" in state:
        state = openai_to_hugging_face(state)
    if not {"visual_projection.weight", f"{OWN_PREFIXES['vision']}projection.weight"} & state.keys():
        raise CheckpointError(f"{source} holds no CLIP under Hugging Face's, OpenAI's or our names")
    return {name: tensor.float() for name, tensor in state.items() if tensor.is_floating_point()}


def clip_part(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The vision or text tower of a state dict with Hugging Face's names, under ours."""
    prefix = f"{part}_model."
    projection = {"vision": "visual_projection.weight", "text": "text_projection.weight"}[part]
    tower = {"projection.weight": state[projection]}
    for name, tensor in state.items():
        if not name.startswith(prefix) or not tensor.is_floating_point():
            continue
        name = name.removeprefix(prefix)
        for pattern, replacement in RENAMES:
            name = re.sub(pattern, replacement, name)
        tower[name] = tensor
    return tower


def openai_to_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """OpenAI's names and layouts (fused q, k, v; projections stored transposed) -> Hugging Face's."""
    renames = (
        (r"^visual\.conv1\.weight$", "vision_model.embeddings.patch_embedding.weight"),
        (r"^visual\.class_embedding$", "vision_model.embeddings.class_embedding"),
        (r"^visual\.positional_embedding$", "vision_model.embeddings.position_embedding.weight"),
        (r"^visual\.ln_pre\.", "vision_model.pre_layrnorm."),
        (r"^visual\.ln_post\.", "vision_model.post_layernorm."),
        (r"^visual\.proj$", "visual_projection.weight"),
        (r"^visual\.transformer\.resblocks\.", "vision_model.encoder.layers."),
        (r"^transformer\.resblocks\.", "text_model.encoder.layers."),
        (r"^token_embedding\.", "text_model.embeddings.token_embedding."),
        (r"^positional_embedding$", "text_model.embeddings.position_embedding.weight"),
        (r"^ln_final\.", "text_model.final_layer_norm."),
        (r"^text_projection$", "text_projection.weight"),
        (r"\.ln_(\d)\.", r".layer_norm\1."),
        (r"\.mlp\.c_fc\.", ".mlp.fc1."),
        (r"\.mlp\.c_proj\.", ".mlp.fc2."),
        (r"\.attn\.", ".self_attn."),
    )
    converted = {}
    for original, tensor in state.items():
        if original in ("input_resolution", "context_length", "vocab_size"):
            continue
        name = original
        for pattern, replacement in renames:
            name = re.sub(pattern, replacement, name)
        if original in ("visual.proj", "text_projection"):
            tensor = tensor.t()
        if ".in_proj_" in name:
            stem, kind = name.split("in_proj_")
            for projection, piece in zip("qkv", tensor.chunk(3), strict=True):
                converted[f"{stem}{projection}_proj.{kind}"] = piece
        else:
            converted[name] = tensor
    return converted


def fit_patch_embedding(weight: Tensor, shape: torch.Size) -> Tensor:
    """Patch embedding (D, 3, p, p) of a file for an encoder with other patches or channels.

    Another patch size is reached by the pseudo-inverse resize of FlexiViT (Beyer et al. 2023). Channels beyond the
    third start as the mean of the colour filters, so that a thermal channel is seen as grey.
    """
    if weight.shape[-2:] != shape[-2:]:
        from timm.layers import resample_patch_embed  # timm costs every start a second

        weight = resample_patch_embed(weight, list(shape[-2:]))
    extra = shape[1] - weight.shape[1]
    if extra > 0:
        weight = torch.cat((weight, weight.mean(dim=1, keepdim=True).expand(-1, extra, -1, -1)), dim=1)
    return weight
