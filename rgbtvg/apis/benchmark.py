"""The figures of ``tools/analysis/benchmark.py``."""

from __future__ import annotations

import copy

import torch
from mmengine.config import Config
from torch import Tensor
from transformers import CLIPConfig, CLIPModel

from rgbtvg.apis.cost import (
    gflops,
    parameter_counts,
    peak_memory_gb,
    random_inputs,
    random_samples,
    stage_runs,
    timed,
    training_step,
)
from rgbtvg.models.grounders import BaseGrounder
from rgbtvg.registry import MODELS


def measure(
    config: Config,
    batch_size: int = 1,
    train_batch_size: int = 4,
    max_layer: int = 12,
    threads: int = 2,
    rounds: int = 7,
) -> dict[str, float]:
    """Cost of a config of HiVG or RGBT-VGNet; times in ms and as multiples of a plain CLIP ViT-B/16.

    Args:
        config: of :func:`load_config`.
        batch_size, train_batch_size: of an inference and of a training step; the CLIP runs at 1 and 4.
        max_layer: open layers in the training step.
        threads: of a CPU.
        rounds: of which the median is taken.
    """
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    cfg = copy.deepcopy(config.model)
    cfg.image_encoder.pretrained = cfg.text_encoder.pretrained = None
    model = MODELS.build(cfg).to(device)
    model.open_layers(max_layer)
    figures = parameter_counts(model)
    train_inputs = random_inputs(model, config.image_size, train_batch_size, device)
    samples = random_samples(train_inputs)
    model.train()
    figures["train_peak_gb"] = peak_memory_gb(lambda: training_step(model, train_inputs, samples))

    clip = _plain_clip(device)
    images, ids = torch.randn(4, 3, 224, 224, device=device), train_inputs.token_ids[:1].expand(4, -1)

    def clip_training() -> None:
        clip.zero_grad()
        output = clip(input_ids=ids, pixel_values=images)
        (output.image_embeds.sum() + output.text_embeds.sum()).backward()

    steps = timed({"C2": clip_training, "train": lambda: training_step(model, train_inputs, samples)}, rounds)
    figures |= {"C2_ms": steps["C2"], "train_ms": steps["train"], "train_in_C2": steps["train"] / steps["C2"]}
    model.zero_grad()
    clip.zero_grad()
    figures |= _inference(model.eval(), clip.eval(), config.image_size, batch_size, images[:1], ids[:1], rounds)
    return figures


def _plain_clip(device: str) -> CLIPModel:
    text = dict(hidden_size=512, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=8)
    vision = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, patch_size=16)
    with torch.device(device):
        return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=512))


@torch.no_grad()
def _inference(
    model: BaseGrounder, clip: CLIPModel, image_size: int, batch_size: int, images: Tensor, ids: Tensor, rounds: int
) -> dict[str, float]:
    """Times of an inference, unmerged and merged, in float32 and bfloat16."""
    inputs = random_inputs(model, image_size, batch_size, images.device.type)

    def run() -> torch.Tensor:
        model.text_cache.clear()
        return model.encode(inputs)["pred_boxes"]

    def plain() -> None:
        clip(input_ids=ids, pixel_values=images)

    figures = {"gflops": gflops(run), "C1_gflops": gflops(plain)}
    apart = run()
    times = timed({"C1": plain, "inference": run}, rounds)
    figures |= {f"{name}_unmerged_ms": ms for name, ms in timed(stage_runs(model, inputs), rounds).items()}
    figures |= {"C1_ms": times["C1"], "unmerged_ms": times["inference"]}
    figures["unmerged_in_C1"] = times["inference"] / times["C1"]
    model.merge_adapters()
    times = timed({"C1": plain, "inference": run}, rounds)
    figures |= {"merged_ms": times["inference"], "merged_in_C1": times["inference"] / times["C1"]}
    figures["merged_box_difference"] = (run() - apart).abs().max().item()
    with torch.autocast(images.device.type, torch.bfloat16):
        times = timed({"bf16": run}, rounds)
        figures |= {"bf16_merged_ms": times["bf16"], "bf16_box_difference": (run().float() - apart).abs().max().item()}
    return figures
