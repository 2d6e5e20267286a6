"""From random weights, a tiny model learns 64 pairs of which the sentence alone decides nothing.

python -m pytest tests/models/vlm/test_overfit.py -m slow -s
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

import rgbtvg.models  # noqa: F401
from rgbtvg.models.grounders import VLMGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures import Frame, GroundingSample
from rgbtvg.structures.boxes import aligned_iou
from tests.models.vlm import tiny

SIDE = 64
COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (50, 70, 220), "big": (230, 230, 230)}
SENTENCES = [*(f"the {colour} square" for colour in COLOURS), "the warm thing", "the warm thing left",
             "the big warm thing", "the warm square"]  # fmt: skip
PAIRS = 8
MINUTES = 10


def pairs(rgb_decides: bool) -> tuple[dict[str, list[torch.Tensor]], list[GroundingSample]]:
    """64 pairs, sentence by sentence, and the boxes of a square that both cameras show.

    Args:
        rgb_decides: RGB shows every square. Otherwise the eight pairs of each of the last four sentences have the same
            RGB image, and thermal alone shows the square.
    """
    draw = np.random.default_rng(0)
    images: dict[str, list[torch.Tensor]] = dict(rgb=[], ir=[])
    samples = []
    for number, sentence in enumerate(SENTENCES):
        empty = draw.integers(60, 120, (SIDE, SIDE, 3))
        colour = list(COLOURS.values())[number % 4]
        for index in range(PAIRS):
            width, height = draw.integers(14, 30, 2)
            x, y = draw.integers(0, SIDE - width), draw.integers(0, SIDE - height)
            same = number >= 4 and not rgb_decides
            rgb = empty.copy() if same else draw.integers(60, 120, (SIDE, SIDE, 3))
            thermal = draw.integers(30, 90, (SIDE, SIDE))
            thermal[y : y + height, x : x + width] = 230
            if not same:
                rgb[y : y + height, x : x + width] = colour
            images["rgb"].append(torch.from_numpy(rgb.astype(np.uint8)).permute(2, 0, 1))
            images["ir"].append(torch.from_numpy(thermal.astype(np.uint8))[None])
            meta = dict(sample_id=f"{number}/{index}", expression=sentence, frame=Frame(), ori_shape=(SIDE, SIDE))
            samples.append(GroundingSample(metainfo=meta))
            samples[-1].gt_boxes_xyxy = torch.tensor([[x, y, x + width, y + height]]).float()
    return images, samples


def chosen(images: dict[str, list[torch.Tensor]], rows: Any) -> dict[str, list[torch.Tensor]]:
    return {stream: [values[row] for row in rows] for stream, values in images.items()}


def accuracy(model: VLMGrounder, images: dict[str, list[torch.Tensor]], samples: list[GroundingSample]) -> float:
    """Acc@0.5 of generated answers."""
    model.eval()
    with torch.no_grad():
        found = model(images, [sample.clone() for sample in samples])
    model.train()
    hits = [
        "pred_boxes_xyxy" in sample and aligned_iou(sample.pred_boxes_xyxy[0], sample.gt_boxes_xyxy[0]).item() >= 0.5
        for sample in found
    ]
    return sum(hits) / len(hits)


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("thermal", ["rgb", "ir", "both_images", "residual"])
def test_overfits_64_pairs_from_random_weights(thermal, tmp_path, capsys):
    folder = tiny.save("Qwen3VL", tmp_path / "base", width=64)
    modality = thermal if thermal in ("rgb", "ir") else "rgbt"
    full = dict(vision="full", projector="full", language="full")
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type="VLMGrounder", general=dict(type="Qwen3VL", weights=str(folder)), modality=modality, thermal=thermal,
            thermal_rank=16, layers=(0, 1, 2), bf16=False, **full,
        )
    ).train()  # fmt: skip
    images, samples = pairs(rgb_decides=thermal == "rgb")
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3, weight_decay=0.0)
    began, cpu, reached, step = time.monotonic(), time.process_time(), 0.0, 0
    while time.process_time() - cpu < MINUTES * 60 * 2 and reached < 0.95:
        for rows in torch.randperm(len(samples)).split(32):
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * min(1, (step + 1) / 50)
            loss = model(chosen(images, rows), [samples[row] for row in rows], mode="loss")["loss_answer"]
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
        if step % 100 == 0:
            reached = accuracy(model, images, samples)
            with capsys.disabled():
                print(f"{thermal}: step {step}, loss {loss.item():.3f}, Acc@0.5 {reached:.3f}, "
                      f"{time.process_time() - cpu:.0f} CPU s", flush=True)  # fmt: skip
    exchanged = [row // PAIRS * PAIRS + (row + 1) % PAIRS for row in range(len(samples))]
    others = accuracy(model, chosen(images, exchanged), samples)
    with capsys.disabled():
        gates = (
            ""
            if model.residual is None
            else f", gates {[round(float(gate), 3) for gate in model.residual.gates().values()]}"
        )
        print(f"{thermal}: Acc@0.5 {reached:.3f}, with images exchanged {others:.3f}, {step} steps, "
              f"{time.process_time() - cpu:.0f} CPU s, {time.monotonic() - began:.0f} s, gates {gates}")  # fmt: skip
    assert reached >= 0.95
    assert others < 0.3
    if thermal == "residual":
        assert accuracy(model, dict(rgb=images["rgb"]), samples) < 0.7
