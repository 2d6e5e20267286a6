"""The choice among patches, and what small models from scratch begin with."""

from __future__ import annotations

import pytest
import torch

from rgbtvg.errors import ConfigError
from rgbtvg.models.backbones import CLIPVisionEncoder
from rgbtvg.models.fusion import JointEncoder
from rgbtvg.models.heads.patch_choice import PatchChoice, PatchChoiceHead, box_shares
from rgbtvg.models.layers.detr_layers import sine_grid
from rgbtvg.models.layers.positions import sine_sequence
from rgbtvg.structures import GroundingSample
from tests.models.batches import collated_batch
from tests.models.test_methods import build
from tests.models.tiny.hivg import VISION

GRID = (2, 3)


def test_shares_of_a_box_are_those_of_its_area():
    boxes = torch.tensor([[0.5, 0.25, 0.5, 0.5], [0.25, 0.75, 0.1, 0.1], [1.0, 0.5, 0.5, 1.0]])
    shares = box_shares(boxes, (2, 4))
    expected = [[0, 0.5, 0.5, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0.5, 0.5, 0, 0], [0, 0, 0, 0.5, 0, 0, 0, 0.5]]
    torch.testing.assert_close(shares, torch.tensor(expected), atol=1e-5, rtol=0)


def test_streams_add_up_before_and_after_the_fusion():
    torch.manual_seed(0)
    choice, patches = PatchChoice(8, 5), torch.randn(2, 12, 8)
    text, fused, sentence = torch.randn(2, 5), torch.randn(2, 12, 8), torch.randn(2, 8)
    joined = choice(patches, [GRID], text, fused, sentence)
    again = choice(patches.roll(6, 1), [GRID], text, fused.roll(6, 1), sentence)  # thermal, then RGB
    for one, two in zip((*joined.logits, joined.token), (*again.logits, again.token), strict=True):
        torch.testing.assert_close(one, two)
    assert [tuple(logits.shape) for logits in joined.logits] == [(2, 6), (2, 6)]
    assert joined.token.shape == (2, 8)


@pytest.mark.parametrize("grids, chosen, centre", [([GRID], 4, (0.5, 0.75)), ([GRID, (1, 2)], 7, (0.75, 0.5))])
def test_a_certain_choice_reads_one_patch_and_its_place(grids, chosen, centre):
    choice, patches = PatchChoice(8, 5), torch.zeros(2, sum(h * w for h, w in grids), 8)
    patches[:, chosen, 0] = 1.0
    with torch.no_grad():
        for linear in (choice.text_query, choice.patch_value, choice.patch_key):
            linear.weight.zero_()
            linear.bias.zero_()
        choice.text_query.bias[0] = 1e4
    found = choice(patches, grids, torch.zeros(2, 5), torch.randn_like(patches), torch.zeros(2, 8))
    torch.testing.assert_close(found.centre, torch.tensor([centre]).expand(2, 2))
    code = torch.cat([sine_grid(grid, 8) for grid in grids])[chosen]
    torch.testing.assert_close(found.token, code.expand(2, 8))


def test_its_loss_falls_with_the_right_patch():
    sample = GroundingSample()
    sample.gt_boxes_cxcywh = torch.tensor([[0.25, 0.25, 0.5, 0.5]])
    right, wrong = torch.tensor([[9.0, 0, 0, 0]]), torch.tensor([[0, 9.0, 0, 0]])
    head = PatchChoiceHead(loss_weight=2.0)
    losses = [
        head.loss(outputs, head.targets(outputs, [sample]))["loss_choice"]
        for outputs in ({"patch_logits": (logits, logits), "patch_grids": [(2, 2)]} for logits in (right, wrong))
    ]
    assert losses[0] < 0.01 < 10 < losses[1]


CHOICE = dict(patch_choice=dict(type="PatchChoice"), auxiliary_heads=[dict(type="PatchChoiceHead")])
METHODS = ["transvg", "qrnet", "mmca", "clip_vg", "hivg", "rgbt_vgnet", "fsvg", "dynamic_mdetr", "simvg", "alvg"]


@pytest.mark.parametrize("method, modality", [*((method, "rgbt") for method in METHODS), ("rgbt_vgnet", "rgb")])
def test_a_method_with_it_learns_through_it(method, modality):
    model = build(method, modality, **CHOICE)
    data = model.data_preprocessor(collated_batch(modality), training=True)
    outputs = model.encode(data["inputs"])
    losses = model.losses(outputs, data["data_samples"])
    assert losses["loss_choice"] > 0
    boxes = sum(loss for name, loss in losses.items() if "bbox" in name)
    gradients = torch.autograd.grad(boxes, list(model.patch_choice.parameters()), retain_graph=True)
    assert all(gradient.abs().max() > 0 for gradient in gradients)
    chosen = model.relevance(outputs)["chosen patches"]
    assert chosen.shape[1:] == outputs["patch_grids"][0]
    if len(outputs["patch_grids"]) == 1:
        torch.testing.assert_close(chosen.flatten(1).sum(1), torch.ones(len(chosen)))


def test_patches_of_both_streams_compete_in_oneref():
    model = build("oneref", "rgbt", auxiliary_heads=[dict(type="PatchChoiceHead")])
    data = model.data_preprocessor(collated_batch("rgbt"), training=True)
    outputs = model.encode(data["inputs"])
    (head,) = model.auxiliary_heads
    targets = head.targets(outputs, data["data_samples"])
    assert targets.shape == outputs["similarity"].shape
    rgb, thermal = targets.chunk(2, dim=1)
    torch.testing.assert_close(rgb, thermal)
    torch.testing.assert_close(targets.sum(1), torch.ones(len(targets)))
    loss = model.losses(outputs, data["data_samples"])["loss_choice"]
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(outputs["similarity"], targets))


def test_a_momentum_copy_needs_no_box_head():
    model = build("transvg", "rgbt", **CHOICE, attention_balance=dict(first_layer=1)).train()
    data = model.data_preprocessor(collated_batch("rgbt"), training=True)
    losses = model(**data, mode="loss")
    assert losses["loss_constraint"] > 0
    assert losses["loss_bbox"].isfinite()


def test_the_encoder_begins_with_the_sine_code():
    encoder = CLIPVisionEncoder(VISION, position_start="sine")
    encoder.init_weights()
    side = VISION["image_size"] // VISION["patch_size"]
    torch.testing.assert_close(encoder.position_embedding[1:].detach(), 0.5 * sine_grid((side, side), VISION["width"]))
    assert encoder.position_embedding.requires_grad


def test_a_stem_of_convolutions_keeps_the_grid():
    encoder = CLIPVisionEncoder(VISION, stem_widths=(8, 16))
    encoder.init_weights()
    images, side = torch.randn(2, 3, 64, 64), 64 // VISION["patch_size"]
    features = encoder(images, torch.zeros(2, 64, 64, dtype=torch.bool))
    assert features.tokens.shape == (2, 1 + side * side, VISION["width"])
    with pytest.raises(ConfigError, match="halvings"):
        CLIPVisionEncoder(VISION, stem_widths=(8,) * 5)


def test_the_joint_encoder_begins_with_the_sine_code_of_every_grid():
    options = dict(num_image=1 + 2 * 6, num_text=5, order=("image", "text"), width=8, depth=1, num_heads=2, ffn_width=8)
    table = JointEncoder(**options, image_grids=((2, 3),), position_start="sine").positions.weight.detach()
    code = sine_grid((2, 3), 8)
    for first in (2, 8):
        offset = table[first : first + 6] - code
        torch.testing.assert_close(offset, offset[:1].expand(6, 8))
    assert (table[2] - table[8]).abs().max() > 0.01
    torch.testing.assert_close(table[14:], sine_sequence(5, 8))


def test_an_unknown_start_is_a_sentence():
    with pytest.raises(ConfigError, match="position_start"):
        CLIPVisionEncoder(VISION, position_start="zero")
    with pytest.raises(ConfigError, match="image_grids"):
        JointEncoder(num_image=4, num_text=2, position_start="sine")
