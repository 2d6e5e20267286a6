"""Partial freezing of a pre-trained CLIP encoder by depth."""

from __future__ import annotations

import math

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters.lora import LowRank
from rgbtvg.models.backbones.clip import CLIPTextEncoder, CLIPVisionEncoder

WEIGHT_CHOICES = ("none", "attention", "layers", "all")


def layers_up_to(depth: int | float, num_layers: int) -> int:
    """Number of trainable layers: an int is a count, a float a fraction of the depth (0.4 is 5 of 12 and 10 of 24)."""
    return min(depth, num_layers) if isinstance(depth, int) else math.ceil(depth * num_layers - 1e-9)


def unfreeze_layers(encoder: CLIPVisionEncoder | CLIPTextEncoder, depth: int | float, weights: str = "none") -> None:
    """Set ``requires_grad`` in a CLIP encoder, except for the modules in its slots.

    Low-rank updates are trainable in the unfrozen layers, pre-trained weights according to `weights`.

    Args:
        encoder: an encoder of CLIP.
        depth: number of layers to unfreeze, counted from the input; see :func:`layers_up_to`.
        weights: which pre-trained weights of unfrozen layers are trainable: ``'none'``, ``'attention'`` (the
            projections), ``'layers'`` (the whole layer), or ``'all'`` (also embeddings, norms and projection, if any
            layer is unfrozen).

    Raises:
        ConfigError: unknown `weights`.
    """
    if weights not in WEIGHT_CHOICES:
        raise ConfigError(f"weights must be one of {', '.join(WEIGHT_CHOICES)}, got {weights!r}")
    count = layers_up_to(depth, len(encoder.layers))
    for name, parameter in encoder.named_parameters():
        if not name.startswith("layers."):
            parameter.requires_grad_(weights == "all" and count > 0)
    for index, layer in enumerate(encoder.layers):
        unfrozen = index < count
        for child_name, child in layer.named_children():
            if child_name == "slots":
                continue
            whole = weights in ("layers", "all") or (weights == "attention" and child_name == "self_attn")
            child.requires_grad_(unfrozen and whole)
            for module in child.modules():
                if isinstance(module, LowRank):
                    module.requires_grad_(unfrozen)
