"""Every miniature: its pre-training learns, and grounding reads what is kept of it."""

from __future__ import annotations

import json

import pytest
import torch
from mmengine.optim import OptimWrapper
from safetensors.torch import load_file, save_file

import rgbtvg.models  # noqa: F401
from rgbtvg.benchmarking.miniatures import FOLDER, FOLDERS, PREFIXES, encoder_weights, weights_path
from rgbtvg.engine import load_config
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample

NAMES = sorted(set(PREFIXES) - {"qwen"})  # tests/models/vlm/test_miniature.py
ENCODERS = {"clip": ("image_encoder", "text_encoder"), "bert": ("text_encoder",), "sentence": ("text_encoder",)}


def build(name: str):
    torch.manual_seed(0)
    config = load_config(f"configs/pretraining/{name}.py", {})
    model = MODELS.build(config.model)
    model.init_weights()
    return model, config


def batch(config, size: int = 8) -> dict:
    """Noise with a caption of its own (two for an encoder of sentences) and two objects per image."""
    side, count = config.image_size, 2
    words = (2, 12) if config.model.type == "SentencePretraining" else (12,)
    generator = torch.Generator().manual_seed(0)
    inputs, samples = [], []
    for row in range(size):
        boxes = torch.rand(count, 4, generator=generator) * 0.2 + 0.3
        labels = [(row + number) % 7 for number in range(count)]
        sample = GroundingSample(
            metainfo=dict(
                sample_id=str(row),
                input_shape=(side, side),
                pad_offset=(0, 0),
                extra=dict(categories=labels, colours=labels),
            )
        )
        sample.gt_boxes_cxcywh = boxes
        sample.token_ids = torch.randint(3, 1900, words, generator=generator)
        sample.token_padding_mask = torch.zeros(words, dtype=torch.bool)
        inputs.append(torch.randint(0, 256, (3, side, side), generator=generator, dtype=torch.uint8))
        samples.append(sample)
    return {"inputs": {"rgb": inputs}, "data_samples": samples}


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_learned_and_probed(name):
    model, config = build(name)
    optimizer = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-3))
    data = batch(config)
    losses = [sum(float(v) for k, v in model.train_step(data, optimizer).items() if k == "loss") for _ in range(12)]
    assert sum(losses[-2:]) < sum(losses[:2])
    with torch.no_grad():
        samples = model.eval().test_step(data)
    assert all(0 <= score <= 1 for sample in samples for score in sample.probe.values())


@pytest.mark.parametrize("name", NAMES)
def test_grounding_reads_what_is_kept(name, tmp_path):
    model, config = build(name)
    path = weights_path(name, tmp_path)
    path.parent.mkdir(exist_ok=True)
    save_file(encoder_weights(name, model.state_dict()), path)
    (path.parent / "config.json").write_text("{}")
    for part in ENCODERS.get(name, ("image_encoder",)):
        encoder = MODELS.build(dict(config.model[part], pretrained=str(path.parent if name in FOLDERS else path)))
        encoder.init_weights()
        kept = getattr(model, part).state_dict()
        for key, tensor in encoder.state_dict().items():
            if tensor.is_floating_point():
                torch.testing.assert_close(tensor, kept[key].half().float(), msg=f"{part}.{key}")
    assert path.stat().st_size < 1.5e6


@pytest.mark.parametrize("method", ["clip_vg", "fsvg", "hivg", "rgbt_vgnet"])
def test_methods_start_from_the_committed_clip(method):
    model = MODELS.build(load_config(f"configs/miniatures/{method}.py", {"modality": "rgbt"}).model)
    model.init_weights()
    kept = load_file("pretrain_weights/miniature/clip.safetensors")
    for part in ("image_encoder", "text_encoder"):
        weight = getattr(model, part).layers[0].mlp.fc1.weight
        torch.testing.assert_close(weight.detach(), kept[f"{part}.layers.0.mlp.fc1.weight"].float())


@pytest.mark.parametrize("card", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_card_describes_its_file(card):
    facts = json.loads(card.read_text())
    kept = load_file(weights_path(card.stem))
    assert weights_path(card.stem).stat().st_size == facts["bytes"] < 1.5e6
    assert sum(tensor.numel() for tensor in kept.values()) == facts["parameters"]
    # One epoch of boxes in text is a start, no grounder yet.
    assert facts["probe"] and min(facts["probe"].values()) > (0 if card.stem == "qwen" else 0.5)
    assert all(tensor.isfinite().all() for tensor in kept.values())


def test_the_quickstart_starts_from_the_committed_convolutions():
    model = MODELS.build(load_config("configs/quickstart/quickstart.py", {"modality": "rgbt"}).model)
    model.init_weights()
    for name, kept in load_file("pretrain_weights/miniature/conv.safetensors").items():
        torch.testing.assert_close(model.image_encoder.state_dict()[name], kept.float())
