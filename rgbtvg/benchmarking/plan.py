"""Memory and steps of training a vision-language model, from its config alone, on tensors without values."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.benchmarking.estimate import training_pairs
from rgbtvg.engine.hooks.activation_checkpointing_hook import enable_activation_checkpointing
from rgbtvg.errors import ConfigError
from rgbtvg.evaluation.table import text_table
from rgbtvg.models.general.writers import QwenVL
from rgbtvg.models.grounders import VLMGrounder
from rgbtvg.registry import MODELS

BATCH_SIZES = (1, 4, 16)
QUESTION, ANSWER = 96, 40
"""Tokens of a question with its chat template, and of an answer."""
GB = 1e9


def plan(config: Config, report: Callable[[str], None], batch_sizes: Sequence[int] = BATCH_SIZES) -> dict[str, Any]:
    """Report what a training needs, and return the figures.

    Parameters are held as the config says (bfloat16 or float32), what learns in float32 with a gradient and the two
    moments of AdamW. Activations are the tensors that the backward pass reads, for images of `max_pixels`.

    Args:
        config: of :func:`load_config`, with a :class:`VLMGrounder` around a Qwen model.
        report: prints a line.
        batch_sizes: of one forward pass.

    Raises:
        ConfigError: another model.
    """
    model = on_meta(config)
    parts = parameters_by_part(model)
    rows = [
        [part, f"{held / 1e6:,.1f}", f"{learning / 1e6:,.1f}", f"{size / GB:.2f}"]
        for part, (held, learning, size) in parts.items()
    ]
    report(text_table(["part", "parameters (M)", "of them learn (M)", "weights (GB)"], rows, left=1))
    learning = sum(part[1] for part in parts.values())
    fixed = sum(part[2] for part in parts.values()) + 12 * learning
    report(
        f"gradients {4 * learning / GB:.2f} GB, moments of AdamW {8 * learning / GB:.2f} GB: {fixed / GB:.2f} GB held"
    )
    lists = list(config.get("activation_checkpointing") or ())
    figures: dict[str, Any] = dict(parts=parts, held=fixed, activations={})
    one_layer = layer_bytes(config, lists)
    rows = []
    for batch_size in batch_sizes:
        plain = step_bytes(config, batch_size, ())
        recomputed = step_bytes(config, batch_size, lists) + batch_size * one_layer if lists else plain
        figures["activations"][batch_size] = dict(plain=plain, recomputed=recomputed)
        sizes = [plain, recomputed, fixed + plain, fixed + recomputed]
        rows.append([str(batch_size), *(f"{size / GB:.1f}" for size in sizes)])
    titles = ["batch", "activations (GB)", "checkpointed (GB)", "in all (GB)", "in all, checkpointed (GB)"]
    report(text_table(titles, rows, left=1))
    step = config.get("effective_batch_size") or config.train_dataloader.batch_size
    figures["pairs"] = training_pairs(config)
    figures["steps"] = figures["pairs"] // step
    report(f"{figures['pairs']:,} pairs in {config.max_epochs} epochs, {figures['steps']:,} steps of {step}")
    return figures


def on_meta(config: Config) -> VLMGrounder:
    """The config's model without memory for its tensors.

    Raises:
        ConfigError: it is none that can be planned.
    """
    with torch.device("meta"):
        model = MODELS.build(copy.deepcopy(config.model.to_dict()))
    if not isinstance(model, VLMGrounder) or not isinstance(model.general, QwenVL):
        raise ConfigError(f"--plan is for VLMGrounder with Qwen3VL or Qwen2_5VL, got {config.model.type}")
    return model.train()


def parameters_by_part(model: VLMGrounder) -> dict[str, tuple[int, int, int]]:
    """Part -> parameters, those of them that learn, and bytes of all."""
    parts: dict[str, tuple[int, int, int]] = {}
    for name, parameter in model.named_parameters():
        part = "thermal" if name.startswith("residual.") else model.general.part_of(name.removeprefix("general.model."))
        held, learning, size = parts.get(part, (0, 0, 0))
        count = parameter.numel()
        parts[part] = (held + count, learning + count * parameter.requires_grad, size + count * parameter.itemsize)
    return parts


def layer_bytes(config: Config, lists: Sequence[str]) -> int:
    """Bytes of one checkpointed layer that is recomputed, for one sample; the largest one of all lists of layers."""
    if not lists:
        return 0
    plain, model = step_bytes(config, 1, ()), on_meta(config)
    counts = {name: len(list(model.get_submodule(name).children())) for name in lists}
    return max((plain - step_bytes(config, 1, [name])) // count for name, count in counts.items())


def step_bytes(config: Config, batch_size: int, lists: Sequence[str]) -> int:
    """Bytes that a forward pass of training leaves for the backward pass."""
    model = on_meta(config)
    enable_activation_checkpointing(model, lists)
    if model.bf16:
        model.to(torch.bfloat16)  # there is no autocast on the meta device
    with mock.patch.object(F, "scaled_dot_product_attention", _attention), mock.patch.object(F, "layer_norm", _norm):
        return saved_bytes(lambda: rehearse(model, batch_size), model)


def saved_bytes(run: Callable[[], Any], model: nn.Module) -> int:
    """Bytes of the tensors that operations inside `run` keep for the backward pass, parameters left out."""
    weights = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        key = tensor.untyped_storage()._cdata
        if key not in weights:
            kept.setdefault(key, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = run()
    total = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    del result
    return total


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


@contextmanager
def _thermal(model: VLMGrounder, pictures: int) -> Iterator[None]:
    if model.residual is None:
        context: Any = nullcontext()
    else:
        context = model.residual.shown(
            vision_inputs(model.general, pictures),
            lambda state: torch.ones(len(state), 1, dtype=torch.bool, device="meta"),
        )
    with context:
        yield


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


class _Attention(torch.autograd.Function):
    """What a fused kernel keeps: queries, keys, values and the result, not the weights between them."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        result = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError


def _attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return _Attention.apply(query, key, value)


layer_norm = F.layer_norm


def _norm(x: Tensor, shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """As under autocast, which normalises in float32."""
    weight, bias = (None if tensor is None else tensor.float() for tensor in (weight, bias))
    return layer_norm(x.float(), shape, weight, bias, eps).to(x.dtype)
