"""The figures of ``tools/analysis/benchmark.py``."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import Config

from rgbtvg.benchmarking.cost import (
    cpu_threads,
    gflops,
    parameter_counts,
    peak_memory_gb,
    random_inputs,
    random_samples,
    timed,
    timed_parts,
    training_step,
)
from rgbtvg.engine.hooks.activation_checkpointing_hook import enable_activation_checkpointing
from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters import adapted_linears
from rgbtvg.models.grounders import BaseGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs

CLIP_SIZE = 224


class PlainCLIP:
    """CLIP ViT-B/16 as the `transformers` library computes it: the yardstick.

    C1 is its forward pass at batch 1 without gradients, C2 its forward and backward pass at batch 4.

    Args:
        device: of the model.
        batch_size: of a training step.
        layers: fewer ones, to try.
    """

    def __init__(self, device: str, batch_size: int = 4, layers: int = 12) -> None:
        from transformers import CLIPConfig, CLIPModel  # not before the memory of our model was measured

        text = dict(hidden_size=512, intermediate_size=2048, num_hidden_layers=layers, num_attention_heads=8)
        vision = dict(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=layers, num_attention_heads=12, patch_size=16
        )
        with torch.device(device):
            self.model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=512))
            self.images = torch.randn(batch_size, 3, CLIP_SIZE, CLIP_SIZE)
            self.ids = torch.arange(1, 78).expand(batch_size, -1)

    @torch.no_grad()
    def inference(self, batch_size: int = 1) -> None:
        self.model(input_ids=self.ids[:batch_size], pixel_values=self.images[:batch_size])

    def training(self) -> None:
        self.model.zero_grad()
        output = self.model(input_ids=self.ids, pixel_values=self.images)
        (output.image_embeds.sum() + output.text_embeds.sum()).backward()


def measure(
    config: Config,
    batch_size: int = 1,
    train_batch_size: int = 4,
    max_layer: int = 12,
    threads: int = 2,
    rounds: int = 7,
    training: bool = True,
) -> dict[str, float]:
    """Cost of a config; times in ms and as multiples of a plain CLIP ViT-B/16 in the same process.

    Args:
        config: of :func:`load_config`; its ``activation_checkpointing`` is heeded.
        batch_size, train_batch_size: of an inference and of a training step; the CLIP runs at 1 and 4.
        max_layer: open layers in the training step, for models trained in stages.
        threads: of a CPU.
        rounds: of which the median is taken.
        training: measure a training step too.
    """
    if not issubclass(MODELS.get(config.model.type), BaseGrounder):
        raise ConfigError(f"{config.model.type} is not measured; --plan says what training a VLMGrounder needs")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: BaseGrounder = MODELS.build(copy.deepcopy(config.model)).to(device)
    if hasattr(model, "unfreeze_layers"):
        model.unfreeze_layers(max_layer)
    figures = parameter_counts(model)
    sizes = (config.image_size, config.max_length)
    inputs = random_inputs(model, *sizes, batch_size, device)
    with cpu_threads(threads):
        with torch.no_grad():
            figures["peak_gb"] = peak_memory_gb(lambda: model.eval().encode(inputs))
        if training:
            train_inputs = random_inputs(model, *sizes, train_batch_size, device)
            figures |= _training(model, train_inputs, config.get("activation_checkpointing", ()), device, rounds)
        return figures | _inference(model.requires_grad_(False).eval(), inputs, device, rounds)


def _training(
    model: BaseGrounder, inputs: GroundingInputs, recomputed: Sequence[str], device: str, rounds: int
) -> dict[str, float]:
    """Memory and time of a training step."""
    enable_activation_checkpointing(model.train(), recomputed)
    samples = random_samples(inputs)

    def step() -> None:
        training_step(model, inputs, samples)

    figures = {"train_peak_gb": max(peak_memory_gb(step) for _ in range(2))}
    clip = PlainCLIP(device)
    times = timed({"C2": clip.training, "train": step}, rounds)
    model.zero_grad()
    return figures | {
        "C2_ms": times["C2"],
        "train_ms": times["train"],
        "train_in_C2": times["train"] / times["C2"],
    }


@torch.no_grad()
def _inference(model: BaseGrounder, inputs: GroundingInputs, device: str, rounds: int) -> dict[str, float]:
    """Times of an inference, with adapters apart and merged where there are any, in float32 and bfloat16."""

    def run() -> Any:
        if hasattr(model, "text_cache"):
            model.text_cache.clear()
        return model.encode(inputs)

    clip = PlainCLIP(device)
    figures = {"gflops": gflops(run), "C1_gflops": gflops(clip.inference)}
    apart = run()["pred_boxes_cxcywh"]
    times = timed({"C1": clip.inference, "inference": run}, rounds)
    figures |= {f"{name}_ms": ms for name, ms in times.items()}
    figures["inference_in_C1"] = times["inference"] / times["C1"]
    figures |= {f"part_{name}_ms": ms for name, ms in timed_parts(model, run, rounds).items()}
    if next(adapted_linears(model), None) is not None:
        model.merge_adapters()
        times = timed({"C1": clip.inference, "inference": run}, rounds)
        figures |= {"merged_ms": times["inference"], "merged_in_C1": times["inference"] / times["C1"]}
        figures["merged_box_difference"] = (run()["pred_boxes_cxcywh"] - apart).abs().max().item()
    with torch.autocast(device, torch.bfloat16):
        times = timed({"bf16": run}, rounds)
        difference = (run()["pred_boxes_cxcywh"].float() - apart).abs().max().item()
    return figures | {"bf16_ms": times["bf16"], "bf16_box_difference": difference}
