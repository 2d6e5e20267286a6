"""Swin with its pyramid: initial weights, and language in its slots."""

import pytest
import torch

from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.models.adapters import QueryModulation
from rgbtvg.models.backbones import SwinPyramid
from rgbtvg.models.backbones.swin import shift_mask
from rgbtvg.structures import TextFeatures

TINY = dict(width=16, depths=(1, 2), heads=(1, 2), window=7)


def tiny(**kwargs) -> SwinPyramid:
    torch.manual_seed(0)
    return SwinPyramid(arch=TINY, width=16, drop_path=0.0, **kwargs).eval()


def sentence(batch: int, seed: int = 0) -> TextFeatures:
    vector = torch.randn(batch, 8, generator=torch.Generator().manual_seed(seed))
    return TextFeatures(vector[:, None], torch.zeros(batch, 1, dtype=torch.bool), pooled=vector)


def detector_state(encoder: SwinPyramid) -> dict:
    """The encoder's weights as a Mask R-CNN of the Swin detection repository stores them, with more around them."""
    renames = (
        ("swin.patch_embed.", "backbone.patch_embed.proj."),
        ("swin.patch_norm.", "backbone.patch_embed.norm."),
        ("pyramid.laterals.", "neck.lateral_convs."),
    )
    state = {"neck.fpn_convs.0.conv.weight": torch.zeros(1), "roi_head.x": torch.zeros(1)}
    for name, tensor in encoder.state_dict().items():
        for ours, theirs in renames:
            name = name.replace(ours, theirs)
        if name.startswith("swin.stages."):
            stage, rest = name.removeprefix("swin.stages.").split(".", 1)
            plain = f"backbone.layers.{stage}.{rest}"
            name = f"backbone.norm{stage}.{rest.removeprefix('norm.')}" if rest.startswith("norm.") else plain
        if name.startswith("neck.lateral_convs."):
            level, leaf = name.removeprefix("neck.lateral_convs.").split(".")
            name = f"neck.lateral_convs.{level}.conv.{leaf}"
        state[name] = tensor
    return state


def test_reads_a_detector_and_leaves_what_is_plugged_in(tmp_path):
    path = tmp_path / "mask_rcnn_swin.pth"
    source = tiny()
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.normal_()
    torch.save({"meta": {"epoch": 36}, "state_dict": detector_state(source)}, path)
    encoder = SwinPyramid(arch=TINY, width=16, pretrained=str(path))
    encoder.swin.stages[0].slots["query"] = QueryModulation(16, text_width=8, reduction=4)
    plugged = encoder.swin.stages[0].slots["query"].gates["channel"].down.matrix.generator.weight.clone()
    encoder.init_weights()
    for name, tensor in source.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], tensor), name
    assert torch.equal(encoder.swin.stages[0].slots["query"].gates["channel"].down.matrix.generator.weight, plugged)


def test_a_detector_of_another_size_is_refused(tmp_path):
    path = tmp_path / "mask_rcnn_swin.pth"
    torch.save({"state_dict": detector_state(tiny())}, path)
    with pytest.raises(CheckpointError, match="Mask R-CNN with Swin of this size"):
        SwinPyramid(arch=dict(TINY, width=32, heads=(2, 4)), width=16, pretrained=str(path)).init_weights()


def test_a_missing_detector_is_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="not found"):
        tiny(pretrained=str(tmp_path / "nothing.pth")).init_weights()


def test_the_sentence_reaches_the_tokens_only_through_the_slots():
    encoder, images, mask = tiny(), torch.randn(1, 3, 64, 64), torch.zeros(1, 64, 64, dtype=torch.bool)
    with torch.no_grad():
        assert torch.equal(encoder(images, mask, sentence(1, 1)).tokens, encoder(images, mask, sentence(1, 2)).tokens)
        gate = QueryModulation(16, text_width=8, reduction=4)
        for name, parameter in gate.named_parameters():
            if name.endswith("basis"):
                parameter.normal_()
        encoder.pyramid.slots[0]["query"] = gate
        first, second = (encoder(images, mask, sentence(1, seed)).tokens for seed in (1, 2))
    assert not torch.allclose(first, second)


def test_gates_start_at_one_half():
    x = torch.randn(2, 5, 16)
    torch.testing.assert_close(QueryModulation(16, text_width=8)(x, sentence(2)), x / 4)


def test_tokens_are_those_of_the_two_coarsest_levels():
    encoder = tiny()
    features = encoder(torch.randn(1, 3, 64, 64), torch.zeros(1, 64, 64, dtype=torch.bool))
    assert features.tokens.shape[1] == encoder.num_tokens(64) == 8 * 8 + 4 * 4  # two stages: strides of 8 and 16


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(ConfigError, match="multiple of 16"):
        tiny().num_tokens(200)


def test_only_cells_that_the_roll_brought_together_are_parted():
    mask = shift_mask((14, 14), 7, 3, torch.device("cpu"))
    assert mask.shape == (4, 49, 49)
    assert (mask[0] == 0).all()  # the first window was whole before the roll
    assert (mask[3].diagonal() == 0).all() and (mask[3] == -100).any()
