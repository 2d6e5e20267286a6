"""Thermal patches that show nothing are left out: what an invalid region holds changes nothing in the output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from rgbtvg.models.layers.padding import find_invalid_patches
from rgbtvg.structures import GroundingInputs
from tests.models.batches import collated_batch
from tests.models.test_methods import build
from tests.models.tiny import IMAGE_SIZE

CLIP_METHODS = ("clip_vg", "hivg", "rgbt_vgnet", "fsvg")
BEIT3_METHODS = ("oneref", "simvg", "alvg")
NECKS = {
    "AddStreams": {},
    "AverageStreams": {},
    "LinearFusion": dict(width=32),
    "CrossFormer": dict(width=32, num_heads=2),
    "IlluminationWeighted": {},
    "TriPrior": dict(width=32),
    "CMX": dict(width=32, num_heads=2),
    "ConcatTokens": {},
}
PATCH = 16


def model_of(method: str, modality: str, **options: Any):
    model = build(method, modality, **options).eval()
    for name, parameter in model.named_parameters():
        if name.endswith(".up"):  # updates of adapters, which begin at zero
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def inputs_of(model, modality: str, size: int = 3) -> GroundingInputs:
    return model.data_preprocessor(collated_batch(modality, size=size))["inputs"]


def with_invalid(inputs: GroundingInputs, seed: int, rows: int = 2 * PATCH) -> GroundingInputs:
    """The upper `rows` of thermal are invalid and hold noise; the last sample has no valid thermal at all."""
    valid = ~inputs.padding_mask
    valid[:, :rows] = False
    valid[-1] = False
    noise = torch.randn(inputs.images["ir"].shape, generator=torch.Generator().manual_seed(seed))
    hidden = (~valid & ~inputs.padding_mask)[:, None]
    thermal = torch.where(hidden, noise, inputs.images["ir"])
    return replace(inputs, images={**inputs.images, "ir": thermal}, thermal_valid=valid)


def outputs_of(model, inputs: GroundingInputs) -> list[torch.Tensor]:
    with torch.no_grad():
        outputs = model.encode(inputs)
        predictions = model.head.predict(outputs)
    tensors = [tensor for one in predictions for tensor in (one.boxes_cxcywh, one.scores, one.mask)]
    return [tensor for tensor in tensors if tensor is not None]


def check_invalid_content(model, modality: str) -> None:
    inputs = inputs_of(model, modality)
    if modality == "ir":  # alone it keeps an image without any valid patch
        first, second = (with_invalid(inputs, seed) for seed in (1, 2))
        for one in (first, second):
            one.thermal_valid[-1, 2 * PATCH :] = ~inputs.padding_mask[-1, 2 * PATCH :]
            one.images["ir"][-1, :, 2 * PATCH :] = inputs.images["ir"][-1, :, 2 * PATCH :]
    else:
        first, second = with_invalid(inputs, 1), with_invalid(inputs, 2)
    expected = outputs_of(model, first)
    assert all(tensor.isfinite().all() for tensor in expected)
    for tensor, other in zip(expected, outputs_of(model, second), strict=True):
        torch.testing.assert_close(other, tensor, rtol=0, atol=1e-6)
    # The same noise counts where it is valid.
    loud = [outputs_of(model, replace(one, thermal_valid=None))[0] for one in (first, second)]
    assert (loud[0] - loud[1]).abs().max() > 1e-5


@pytest.mark.parametrize("modality", ["rgbt", "ir"])
@pytest.mark.parametrize("method", CLIP_METHODS + BEIT3_METHODS)
def test_the_content_of_an_invalid_region_changes_nothing(method, modality):
    check_invalid_content(model_of(method, modality), modality)


@pytest.mark.parametrize("neck", NECKS)
def test_every_neck_leaves_invalid_thermal_out(neck):
    check_invalid_content(model_of("rgbt_vgnet", "rgbt", neck=dict(type=neck, **NECKS[neck])), "rgbt")


@pytest.mark.slow
@pytest.mark.parametrize("neck", [*NECKS, "ConcatChannels"])
@pytest.mark.parametrize("method", ["clip_vg", "hivg", "simvg", "alvg"])
def test_every_method_leaves_invalid_thermal_out_with_every_neck(method, neck):
    keeps_the_grid = neck not in ("ConcatTokens", "ConcatChannels")
    if (method in ("simvg", "alvg") and not keeps_the_grid) or (method == "hivg" and neck == "ConcatChannels"):
        pytest.skip("the method needs a neck that keeps the tokens' grid and width")
    sizes = NECKS.get(neck, {})
    if method == "clip_vg" and "width" in sizes:
        sizes = {**sizes, "width": 64}
    check_invalid_content(model_of(method, "rgbt", neck=dict(type=neck, **sizes)), "rgbt")


@pytest.mark.parametrize("method", ["rgbt_vgnet", "fsvg", "oneref", "simvg"])
def test_a_mask_of_valid_pixels_alone_changes_nothing(method):
    model = model_of(method, "rgbt")
    inputs = inputs_of(model, "rgbt")
    masked = outputs_of(model, replace(inputs, thermal_valid=~inputs.padding_mask))
    for tensor, other in zip(outputs_of(model, inputs), masked, strict=True):
        torch.testing.assert_close(other, tensor, rtol=0, atol=1e-5)


@pytest.mark.parametrize("neck", ["AverageStreams", "TriPrior"])
def test_rgb_stands_in_where_thermal_shows_nothing(neck):
    model = model_of("rgbt_vgnet", "rgbt", neck=dict(type=neck, **NECKS[neck]), stream_exchange=False)
    inputs = with_invalid(inputs_of(model, "rgbt"), 1)
    with torch.no_grad():
        outputs = model.encode(inputs)
    fused, rgb = outputs["image"].tokens, outputs["streams"]["rgb"].tokens
    torch.testing.assert_close(fused[-1], rgb[-1], msg="thermal shows nothing at all")
    upper = slice(1, 1 + 2 * (IMAGE_SIZE // PATCH))
    torch.testing.assert_close(fused[0, upper], rgb[0, upper])
    assert not torch.allclose(fused[0, upper.stop :], rgb[0, upper.stop :])


def test_a_patch_is_left_out_where_more_of_it_is_invalid_than_valid():
    padding = torch.zeros(1, 4, 8, dtype=torch.bool)
    padding[:, :, 4:] = True
    valid = ~padding
    valid[:, :2, :2] = False  # half of the first patch
    inputs = GroundingInputs({}, padding, torch.zeros(1, 1), torch.zeros(1, 1), valid)
    assert find_invalid_patches(inputs, ("rgb", "ir"), (1, 2)).tolist() == [[False, False], [False, False]]
    valid[:, :3, :3] = False
    assert find_invalid_patches(inputs, ("rgb", "ir"), (1, 2)).tolist() == [[False, False], [True, False]]
    assert find_invalid_patches(inputs, ("ir",), (1, 2)).tolist() == [[False, False]], "nothing would be left"
    assert find_invalid_patches(inputs, ("rgb",), (1, 2)) is None


@pytest.mark.slow
@pytest.mark.parametrize("method", ["clip_vg", "rgbt_vgnet", "fsvg", "oneref", "alvg"])
def test_a_masked_forward_is_one_graph(method):
    torch._dynamo.reset()
    model, graphs = model_of(method, "rgbt"), []

    def count(graph, _):
        graphs.append(graph)
        return graph.forward

    encode = torch.compile(model.encode, fullgraph=True, dynamic=True, backend=count)
    with torch.no_grad():
        for size in (7, 6):
            inputs = with_invalid(inputs_of(model, "rgbt", size), 1)
            torch.testing.assert_close(encode(inputs)["pred_boxes_cxcywh"], model.encode(inputs)["pred_boxes_cxcywh"])
    assert len(graphs) == 1


def test_pixels_that_are_not_valid_never_reach_the_network():
    model = model_of("clip_vg", "rgbt")
    batches = []
    for level in (0, 200):
        batch = collated_batch("rgbt", size=2)
        batch["thermal_valid"] = [torch.ones(60, IMAGE_SIZE, dtype=torch.bool) for _ in range(2)]
        for image, valid in zip(batch["inputs"]["ir"], batch["thermal_valid"], strict=True):
            valid[:, :5] = False
            image[:, :, :5] = level
        batches.append(model.data_preprocessor(batch)["inputs"])
    assert torch.equal(batches[0].images["ir"], batches[1].images["ir"])
    assert not batches[0].thermal_valid[:, 60:].any(), "padding is not valid"
    assert batches[0].thermal_valid[:, :60, 5:].all()
