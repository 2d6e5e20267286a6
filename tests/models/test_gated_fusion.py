"""ZeroGatedFusion: a model of pairs that begins as the RGB model, and says how much of thermal it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rgbtvg.engine import load_config, train
from rgbtvg.engine.runner import build_runner
from rgbtvg.models.necks.gated import pair_quality
from rgbtvg.structures import GroundingInputs
from tests.engine.synthetic import make_small, options_of
from tests.models.batches import collated_batch
from tests.models.test_methods import build
from tests.models.test_thermal_validity import check_invalid_content, inputs_of

CONFIG = Path(__file__).parents[2] / "configs/rgbt_vgnet/rgbt_vgnet_tiny.py"
GATED = dict(type="ZeroGatedFusion", width=32)
SENTENCE = dict(GATED, text_width=32)
METHODS = {
    "clip_vg": dict(neck=dict(SENTENCE, width=64, quality=True)),
    "hivg": dict(neck=dict(SENTENCE, quality=True)),
    "rgbt_vgnet": dict(neck=dict(SENTENCE, quality=True), stream_exchange=False),
    "oneref": dict(neck=SENTENCE),
    "simvg": dict(neck=SENTENCE),
    "alvg": dict(neck=dict(GATED, quality=True)),
}


def pair_model(method: str):
    """A model of pairs with the weights of an RGB model, and that model."""
    pair, rgb = build(method, "rgbt", **METHODS[method]), build(method, "rgb")
    for parameter in rgb.parameters():
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    pair.load_state_dict(rgb.state_dict(), strict=False)
    return pair.eval(), rgb.eval()


@pytest.mark.parametrize("method", METHODS)
def test_it_begins_as_the_rgb_model(method):
    pair, rgb = pair_model(method)
    inputs = inputs_of(pair, "rgbt")
    alone = replace(inputs, images={"rgb": inputs.images["rgb"]})
    with torch.no_grad():
        torch.testing.assert_close(pair.encode(inputs)["pred_boxes_cxcywh"], rgb.encode(alone)["pred_boxes_cxcywh"])
        pair.neck.scale.fill_(1.0)
        moved = pair.encode(inputs)["pred_boxes_cxcywh"] - rgb.encode(alone)["pred_boxes_cxcywh"]
    assert moved.abs().max() > 1e-4
    check_invalid_content(pair, "rgbt")


@pytest.mark.parametrize("method", ["rgbt_vgnet", "simvg"])
def test_a_step_opens_the_gate_which_is_logged_and_kept(method):
    pair, _ = pair_model(method)
    data = pair.data_preprocessor(collated_batch("rgbt", size=4))
    optimizer = torch.optim.SGD([p for p in pair.parameters() if p.requires_grad], lr=0.1)
    losses = pair.train()(**data, mode="loss")
    total, logged = pair.parse_losses(losses)
    assert logged["thermal_gate"] == 0
    assert total.item() == pytest.approx(
        sum(value.item() for name, value in losses.items() if "loss" in name), rel=1e-5
    )
    total.backward()
    optimizer.step()
    samples = pair.eval()(**data, mode="predict")
    assert all(sample.thermal_gate != 0 for sample in samples)
    assert pair.train()(**data, mode="loss")["thermal_gate"] != 0


def test_gates_depend_on_sentence_and_quality():
    pair, _ = pair_model("rgbt_vgnet")
    inputs = inputs_of(pair, "rgbt")
    with torch.no_grad():
        pair.neck.scale.fill_(0.5)
        even = pair.encode(inputs)["image"].gate
        torch.testing.assert_close(even, torch.full((3,), 0.5).tanh())
        pair.neck.sentence_gate.weight.normal_()
        by_sentence = pair.encode(inputs)["image"].gate
        pair.neck.quality_gate.weight.normal_()
        by_both = pair.encode(inputs)["image"].gate
    assert len(set(by_sentence.tolist())) == 3 and len(set((by_both / by_sentence).tolist())) == 3


def test_the_quality_of_a_pair_tells_blank_shifted_and_empty_thermal():
    image = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)).repeat_interleave(8, 2)
    image = image.repeat_interleave(8, 3)  # (1, 1, 128, 128)
    padding = torch.zeros(1, 128, 128, dtype=torch.bool)
    ids = torch.zeros(1, 4, dtype=torch.int64)

    def quality(thermal, valid=None):
        images = {"rgb": image.expand(-1, 3, -1, -1), "ir": thermal.expand(-1, 3, -1, -1)}
        return pair_quality(GroundingInputs(images, padding, ids, ids == 1, valid))[0]

    same, shifted, blank = quality(-image), quality(image.roll((20, 12), (2, 3))), quality(torch.zeros_like(image))
    assert same[3] > 0.99 and shifted[3] < 0.5 and blank[2] < 0.01 and same[2] > 0.5
    half = ~padding
    half[:, :64] = False
    assert quality(image, half)[4] == pytest.approx(0.5)
    assert quality(image, padding).isfinite().all(), "no thermal at all"


@pytest.mark.slow
def test_a_masked_forward_with_gates_is_one_graph():
    torch._dynamo.reset()
    pair, _ = pair_model("rgbt_vgnet")
    inputs = replace(inputs_of(pair, "rgbt"), thermal_valid=~inputs_of(pair, "rgbt").padding_mask)
    with torch.no_grad():
        encode = torch.compile(pair.encode, fullgraph=True, backend="eager")
        torch.testing.assert_close(encode(inputs)["pred_boxes_cxcywh"], pair.encode(inputs)["pred_boxes_cxcywh"])


@pytest.mark.slow
def test_training_of_a_pair_starts_from_a_trained_rgb_checkpoint(tmp_path):
    common = options_of(
        make_small(tmp_path / "data", train=64, val=16, test=16),
        stages=[dict(epochs=1, lr=1e-3, max_layer=3)],
        loggers=[],
        neck=dict(_delete_=True, type="ZeroGatedFusion", width=64, text_width=64),
        guide=None,
    )
    common["model.stream_exchange"] = False
    rgb = train(load_config(CONFIG, dict(common, modality="rgb"), tmp_path / "rgb")).model.eval()
    options = dict(common, modality="rgbt", load_from=str(tmp_path / "rgb/best.pth"))
    runner = build_runner(load_config(CONFIG, options, tmp_path / "pair"))
    runner.load_or_resume()
    pair = runner.model.eval()
    rgb.load_state_dict(torch.load(tmp_path / "rgb/best.pth", weights_only=False)["state_dict"])
    batch = next(iter(runner.build_dataloader(runner.cfg.test_dataloader)))
    inputs = pair.data_preprocessor(batch)["inputs"]
    alone = replace(inputs, images={"rgb": inputs.images["rgb"]}, thermal_valid=None)
    with torch.no_grad():
        expected = rgb.encode(alone)["pred_boxes_cxcywh"]
        torch.testing.assert_close(pair.encode(inputs)["pred_boxes_cxcywh"], expected)
    trained = train(load_config(CONFIG, options, tmp_path / "pair2"))
    assert trained.message_hub.get_scalar("train/thermal_gate").current() != 0
