"""Every method in every modality: it is built, learns, predicts, and its weights survive a round trip."""

from __future__ import annotations

import importlib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapper

import rgbtvg.models  # noqa: F401
from rgbtvg.engine.hooks.activation_checkpointing_hook import enable_activation_checkpointing
from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters import LowRank
from rgbtvg.models.grounders import BaseGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures.boxes import aligned_iou
from tests.models.batches import collated_batch
from tests.quick import mostly_slow

MODALITIES = ("rgb", "ir", "rgbt")
PREPROCESSOR = dict(
    type="GroundingPreprocessor",
    statistics=dict(rgb=dict(mean=[0.3] * 3, std=[0.3] * 3), ir=dict(mean=[0.3], std=[0.3])),
)


def grounder_files() -> dict[str, str]:
    """Registered grounder class -> the file that it lies in."""
    classes = [cls for cls in MODELS.module_dict.values() if isinstance(cls, type) and issubclass(cls, BaseGrounder)]
    return {cls.__name__: cls.__module__.rsplit(".", 1)[-1] for cls in classes if cls.__module__.startswith("rgbtvg.")}


METHODS = sorted(set(grounder_files().values()))
QUICK = {("clip_vg", "rgbt"), ("oneref", "ir"), ("resc", "rgb"), ("rgbt_vgnet", "rgbt")}
"""Cases of the ordinary suite that stand for their kind of encoder and head."""


def build(method: str, modality: str, initialise: bool = True, **options: Any) -> BaseGrounder:
    """The tiny model of a method, `options` in place of its config's."""
    torch.manual_seed(0)
    config = importlib.import_module(f"tests.models.tiny.{method}").config(modality) | options
    model = MODELS.build(dict(config, data_preprocessor=dict(PREPROCESSOR, modality=modality)))
    if initialise:
        model.init_weights()
    if hasattr(model, "unfreeze_layers"):
        model.unfreeze_layers(1.0)
    return model


def test_every_grounder_has_a_tiny_config():
    folder = Path(__file__).parent / "tiny"
    missing = [name for name, file in grounder_files().items() if not (folder / f"{file}.py").exists()]
    assert not missing, f"add tests/models/tiny/<file>.py with config(modality) for {', '.join(missing)}"


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("method", METHODS)
def test_a_step_reaches_every_parameter_that_learns(method, modality):
    model = build(method, modality).train()
    data = model.data_preprocessor(collated_batch(modality, size=3), training=True)
    losses = model(**data, mode="loss")
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    total.backward()
    unreached = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not unreached, f"no gradient reaches {unreached[:5]}: freeze them, or use them"


@pytest.mark.parametrize(("method", "modality"), mostly_slow(product(METHODS, MODALITIES), QUICK))
def test_overfits_eight_rows(method, modality):
    model = build(method, modality).train()
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = OptimWrapper(torch.optim.AdamW(learning, lr=2e-3, weight_decay=0.0))
    batch = collated_batch(modality)
    accuracy = 0.0
    for step in range(300):
        model.train_step(batch, optimizer)
        if step % 10 == 9 and (accuracy := accuracy_on(model, batch)) == 1.0:
            break
    assert accuracy == 1.0


def accuracy_on(model: BaseGrounder, batch: dict) -> float:
    """Acc@0.5 on the batch, measured in pixels as the metric does."""
    model.eval()
    samples = model.test_step({"inputs": batch["inputs"], "data_samples": [s.clone() for s in batch["data_samples"]]})
    model.train()
    return sum(aligned_iou(s.pred_boxes_xyxy[0].detach(), s.gt_boxes_xyxy[0]).item() >= 0.5 for s in samples) / len(
        samples
    )


@pytest.mark.parametrize("method", METHODS)
def test_prediction_is_the_same_alone_and_in_a_batch(method):
    model = build(method, "rgbt").eval()
    batch = collated_batch("rgbt", size=4)
    third = {
        "inputs": {stream: images[2:3] for stream, images in batch["inputs"].items()},
        "data_samples": [batch["data_samples"][2].clone()],
    }
    with torch.no_grad():
        together, alone = model.test_step(batch), model.test_step(third)
    torch.testing.assert_close(alone[0].pred_boxes_xyxy, together[2].pred_boxes_xyxy, atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("method", ["hivg", "rgbt_vgnet"])
def test_merged_adapters_predict_the_same_and_come_apart_exactly(method, modality):
    model = build(method, modality).eval()
    updates = [module for module in model.modules() if isinstance(module, LowRank)]
    for update in updates:
        torch.nn.init.normal_(update.up, std=0.05)

    def boxes() -> torch.Tensor:
        with torch.no_grad():
            model.text_cache.clear()
            return torch.cat([sample.pred_boxes_xyxy for sample in model.test_step(collated_batch(modality, size=2))])

    apart = boxes()
    model.merge_adapters()
    merged = boxes()
    model.unmerge_adapters()
    assert updates
    torch.testing.assert_close(merged, apart, atol=1e-4, rtol=1e-5)  # pixels
    assert torch.equal(boxes(), apart)


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("method", METHODS)
def test_it_shows_where_it_looked(method, modality):
    model = build(method, modality).eval()
    data = model.data_preprocessor(collated_batch(modality, size=2))
    with torch.inference_mode():
        maps = model.relevance(model.encode(data["inputs"]))
    assert maps, f"{method} has no relevance(): give it a map (B, h, w) of where it looked"
    padded = data["inputs"].padding_mask
    for name, found in maps.items():
        assert found.ndim == 3 and len(found) == 2 and torch.isfinite(found).all() and (found >= 0).all(), name
        if name.startswith("attention"):
            assert 0 < found.sum((1, 2)).max() <= 1 + 1e-5
            seen = 1 - torch.nn.functional.interpolate(padded[:, None].float(), found.shape[1:], mode="area")[:, 0]
            assert (found[seen == 0] < 1e-6).all()


@pytest.mark.parametrize("method", METHODS)
def test_state_dict_round_trip_is_exact(method):
    first, second = build(method, "rgbt"), build(method, "rgbt")
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.zero_()
    second.load_state_dict(first.state_dict())
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("method", METHODS)
def test_activation_checkpointing_gives_the_same_gradients(method):
    plain, again = build(method, "rgbt").train(), build(method, "rgbt").train()
    lists = [name for name, part in again.named_modules() if isinstance(part, torch.nn.ModuleList)]
    enable_activation_checkpointing(again, [name for name in lists if name.endswith(".layers")] or ["image_encoder"])
    batch = collated_batch("rgbt", size=2)
    for model in (plain, again):
        torch.manual_seed(1)
        total, _ = model.parse_losses(model(**model.data_preprocessor(batch, training=True), mode="loss"))
        total.backward()
    for (name, parameter), other in zip(plain.named_parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-5, atol=1e-7, msg=name)


def test_part_of_a_list_of_layers_is_checkpointed() -> None:
    model = build("clip_vg", "rgb")
    enable_activation_checkpointing(model, ["image_encoder.layers[:1]"])
    assert ["forward" in vars(layer) for layer in model.image_encoder.layers][:2] == [True, False]
    with pytest.raises(ConfigError, match=r"image_encoder\[:1\].*no list of layers"):
        enable_activation_checkpointing(model, ["image_encoder[:1]"])
