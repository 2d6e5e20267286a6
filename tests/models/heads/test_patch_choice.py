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
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample, ImageFeatures
from tests.models.batches import collated_batch
from tests.models.test_methods import PREPROCESSOR
from tests.models.tiny import rgbt_vgnet
from tests.models.tiny.hivg import VISION


def features(streams: int) -> ImageFeatures:
    tokens = torch.randn(2, 1 + streams * 6, 8)
    return ImageFeatures(tokens, torch.zeros(tokens.shape[:2], dtype=torch.bool), (2, 3), num_prefix=1)


def test_shares_of_a_box_are_those_of_its_area():
    boxes = torch.tensor([[0.5, 0.25, 0.5, 0.5], [0.25, 0.75, 0.1, 0.1], [1.0, 0.5, 0.5, 1.0]])
    shares = box_shares(boxes, (2, 4))
    expected = [[0, 0.5, 0.5, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0.5, 0.5, 0, 0], [0, 0, 0, 0.5, 0, 0, 0, 0.5]]
    torch.testing.assert_close(shares, torch.tensor(expected), atol=1e-5, rtol=0)


def test_streams_add_up_before_and_after_the_fusion():
    torch.manual_seed(0)
    choice, pair = PatchChoice(8, 5), features(streams=2)
    text, fused, sentence = torch.randn(2, 5), torch.randn_like(pair.tokens), torch.randn(2, 8)
    joined = choice(pair, text, fused, sentence)
    halves = torch.cat((torch.arange(0, 7), torch.arange(1, 7) + 6))  # class token, RGB, class token again, thermal
    swapped = halves.new_tensor([0, *range(7, 13), *range(1, 7)])
    other_order = ImageFeatures(pair.tokens[:, swapped], pair.padding_mask, pair.grid, 1)
    again = choice(other_order, text, fused[:, swapped], sentence)
    for one, two in zip((*joined.logits, joined.token), (*again.logits, again.token), strict=True):
        torch.testing.assert_close(one, two)
    assert [tuple(logits.shape) for logits in joined.logits] == [(2, 6), (2, 6)]
    assert joined.token.shape == (2, 8)


def test_a_certain_choice_reads_one_patch_and_its_place():
    choice, image = PatchChoice(8, 5), features(streams=1)
    fused = image.tokens.clone()
    with torch.no_grad():
        for linear in (choice.text_query, choice.patch_value):
            linear.weight.zero_()
            linear.bias.zero_()
        choice.text_query.bias[0] = 1e4
        image.tokens.zero_()
        image.tokens[:, 1 + 4, 0] = 1.0
        choice.patch_key.weight.zero_()
        choice.patch_key.bias.zero_()
    chosen = choice(image, torch.zeros(2, 5), fused, torch.zeros(2, 8))
    torch.testing.assert_close(chosen.centre, torch.tensor([[0.5, 0.75]]).expand(2, 2))
    torch.testing.assert_close(chosen.token, sine_grid((2, 3), 8)[4].expand(2, 8))


def test_its_loss_falls_with_the_right_patch():
    sample = GroundingSample()
    sample.gt_boxes_cxcywh = torch.tensor([[0.25, 0.25, 0.5, 0.5]])
    right, wrong = torch.tensor([[9.0, 0, 0, 0]]), torch.tensor([[0, 9.0, 0, 0]])
    head = PatchChoiceHead(loss_weight=2.0)
    losses = [
        head.loss(outputs, head.targets(outputs, [sample]))["loss_choice"]
        for outputs in ({"patch_logits": (logits, logits), "grid": (2, 2)} for logits in (right, wrong))
    ]
    assert losses[0] < 0.01 < 10 < losses[1]


@pytest.mark.parametrize("modality", ["rgb", "rgbt"])
def test_a_method_with_it_learns_through_it(modality):
    torch.manual_seed(0)
    config = rgbt_vgnet.config(modality)
    config.update(patch_choice=dict(type="PatchChoice"), neck=dict(type="ConcatTokens"))
    config["auxiliary_heads"] = [dict(type="PatchChoiceHead")]
    model = MODELS.build(dict(config, data_preprocessor=dict(PREPROCESSOR, modality=modality)))
    model.init_weights()
    data = model.data_preprocessor(collated_batch(modality), training=True)
    outputs = model.encode(data["inputs"])
    losses = model.losses(outputs, data["data_samples"])
    assert set(losses) == {"loss_bbox", "loss_giou", "loss_choice"}
    gradients = torch.autograd.grad(losses["loss_bbox"], list(model.patch_choice.parameters()))
    assert all(gradient.abs().max() > 0 for gradient in gradients)
    chosen = model.relevance(outputs)["chosen patches"]
    assert chosen.shape[1:] == outputs["grid"]
    torch.testing.assert_close(chosen.flatten(1).sum(1), torch.ones(len(chosen)))


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
    table = JointEncoder(**options, image_grid=(2, 3), position_start="sine").positions.weight.detach()
    code = sine_grid((2, 3), 8)
    for first in (2, 8):
        offset = table[first : first + 6] - code
        torch.testing.assert_close(offset, offset[:1].expand(6, 8))
    assert (table[2] - table[8]).abs().max() > 0.01
    torch.testing.assert_close(table[14:], sine_sequence(5, 8))


def test_an_unknown_start_is_a_sentence():
    with pytest.raises(ConfigError, match="position_start"):
        CLIPVisionEncoder(VISION, position_start="zero")
    with pytest.raises(ConfigError, match="image_grid"):
        JointEncoder(num_image=4, num_text=2, position_start="sine")
