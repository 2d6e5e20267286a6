"""Which part of a pre-trained encoder learns, by depth: adapters, attention projections, whole layers, everything."""

from __future__ import annotations

import math

from torch import nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters.lora import LowRank

WEIGHT_CHOICES = ("none", "attention", "layers", "all")


def layers_up_to(depth: int | float, num_layers: int) -> int:
    """Number of open layers: an int counts layers, a float is a share of the depth (so that 0.4 is 5 of 12 and 10 of
    24)."""
    return min(depth, num_layers) if isinstance(depth, int) else math.ceil(depth * num_layers - 1e-9)


def open_layers(encoder: nn.Module, depth: int | float, weights: str = "none") -> None:
    """Set ``requires_grad`` of a CLIP encoder; what sits in the layers' slots is left as it is.

    Low-rank updates learn in open layers, pre-trained weights as `weights` says.

    Args:
        encoder: a :class:`CLIPVisionEncoder` or :class:`CLIPTextEncoder`.
        depth: how many layers, from the input on, are open; see :func:`layers_up_to`.
        weights: what of the pre-trained weights learns in open layers: ``'none'``, ``'attention'`` (the projections),
            ``'layers'`` (the whole layer) or ``'all'`` (and, once any layer is open, embeddings, norms and projection).
    """
    if weights not in WEIGHT_CHOICES:
        raise ConfigError(f"weights must be one of {', '.join(WEIGHT_CHOICES)}, got {weights!r}")
    count = layers_up_to(depth, len(encoder.layers))
    for name, parameter in encoder.named_parameters():
        if not name.startswith("layers."):
            parameter.requires_grad_(weights == "all" and count > 0)
    for index, layer in enumerate(encoder.layers):
        opened = index < count
        for child_name, child in layer.named_children():
            if child_name == "slots":
                continue
            whole = weights in ("layers", "all") or (weights == "attention" and child_name == "self_attn")
            child.requires_grad_(opened and whole)
            for module in child.modules():
                if isinstance(module, LowRank):
                    module.requires_grad_(opened)


def slot_modules(encoder: nn.Module) -> list[nn.Module]:
    """What methods have plugged into the layers of an encoder."""
    return [module for layer in encoder.layers for module in layer.slots.values()]
