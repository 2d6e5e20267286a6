"""Memory and steps of training a vision-language model, from its config alone, on tensors without values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.benchmarking.estimate import training_pairs
from rgbtvg.benchmarking.rehearsal import on_meta, rehearse
from rgbtvg.engine.hooks.activation_checkpointing_hook import enable_activation_checkpointing
from rgbtvg.evaluation.table import text_table
from rgbtvg.models.grounders import VLMGrounder

BATCH_SIZES = (1, 4, 16)
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
    one_layer = layer_bytes(config, model, lists)
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


def parameters_by_part(model: VLMGrounder) -> dict[str, tuple[int, int, int]]:
    """Part -> parameters, those of them that learn, and bytes of all."""
    parts: dict[str, tuple[int, int, int]] = {}
    for name, parameter in model.named_parameters():
        part = "thermal" if name.startswith("residual.") else model.general.part_of(name.removeprefix("general.model."))
        held, learning, size = parts.get(part, (0, 0, 0))
        count = parameter.numel()
        parts[part] = (held + count, learning + count * parameter.requires_grad, size + count * parameter.itemsize)
    return parts


def layer_bytes(config: Config, model: VLMGrounder, lists: Sequence[str]) -> int:
    """Bytes of one checkpointed layer that is recomputed, for one sample; the largest one of all lists of layers."""
    if not lists:
        return 0
    plain = step_bytes(config, 1, ())
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
