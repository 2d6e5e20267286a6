"""A forward pass of training a vision-language model without its weights, on the meta device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.general.writers import QwenVL
from rgbtvg.models.grounders import VLMGrounder
from rgbtvg.registry import MODELS

QUESTION, ANSWER = 96, 40
"""Tokens of a question with its chat template, and of an answer."""


def on_meta(config: Config) -> VLMGrounder:
    """The config's model without memory for its tensors.

    Raises:
        ConfigError: it is none that can be planned.
    """
    with torch.device("meta"):
        model = MODELS.build(config.model.to_dict())
    if not isinstance(model, VLMGrounder) or not isinstance(model.general, QwenVL):
        raise ConfigError(f"only VLMGrounder with Qwen3VL or Qwen2_5VL can be planned, got {config.model.type}")
    return model.train()


def rehearse(model: VLMGrounder, batch_size: int) -> Tensor:
    """The loss of a batch of images of `max_pixels`, on the meta device."""
    writer = model.general.model
    pictures = batch_size * (2 if model.thermal == "both_images" else 1)
    with _thermal(model, batch_size):
        seen = writer.model.visual(**vision_inputs(model.general, pictures)).pooler_output
    text = torch.zeros(batch_size, QUESTION + ANSWER, dtype=torch.int64, device="meta")
    words = writer.get_input_embeddings()(text)
    tokens = torch.cat((seen.reshape(batch_size, -1, seen.shape[-1]), words), dim=1)
    places = torch.zeros(3, *tokens.shape[:2], dtype=torch.int64, device="meta")
    state = writer.model.language_model(inputs_embeds=tokens, position_ids=places, use_cache=False).last_hidden_state
    logits = writer.lm_head(state[:, -ANSWER:])
    return F.cross_entropy(logits.flatten(0, 1).float(), text[:, -ANSWER:].flatten())


def _thermal(model: VLMGrounder, pictures: int) -> AbstractContextManager[None]:
    if model.residual is None:
        return nullcontext()
    return model.residual.shown(
        vision_inputs(model.general, pictures),
        lambda state: torch.ones(len(state), 1, dtype=torch.bool, device="meta"),
    )


def vision_inputs(writer: QwenVL, pictures: int) -> dict[str, Any]:
    """What the vision encoder reads of images of `max_pixels`; what is computed from sizes is given beforehand."""
    from transformers import vision_utils

    config = writer.model.config.vision_config
    patch, merge = config.patch_size, config.spatial_merge_size
    tokens = (writer.max_pixels or 786432) // (patch * merge) ** 2
    rows = int(tokens**0.5)
    grid = torch.tensor([[1, rows * merge, tokens // rows * merge]] * pictures)
    values: dict[str, Any] = dict(position_ids=vision_utils.get_vision_position_ids(grid, merge))
    if hasattr(config, "num_position_embeddings"):
        side = int(config.num_position_embeddings**0.5)
        names = ("interp_indices", "interp_weights")
        found = vision_utils.get_vision_interpolation_indices_and_weights(grid, side, spatial_merge_size=merge)
        values.update(zip(names, found, strict=True))
    values = {name: tensor.to("meta") for name, tensor in values.items()}
    if hasattr(config, "window_size"):
        index, ends = vision_utils.get_vision_window_index(grid, merge, config.window_size, patch)
        values.update(window_index=index.to("meta"), cu_window_seqlens=ends)
    channels = config.in_channels * config.temporal_patch_size * patch**2
    number = next(writer.model.parameters()).dtype
    pixels = torch.zeros(int(grid.prod(1).sum()), channels, dtype=number, device="meta")
    return dict(hidden_states=pixels, grid_thw=grid, **values)
