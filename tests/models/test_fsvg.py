"""FSVG's selection of patches."""

from __future__ import annotations

import torch

from rgbtvg.models.layers.patch_selection import PatchSelection, attend_and_score
from rgbtvg.structures import GroundingInputs
from tests.models.batches import collated_batch
from tests.models.test_methods import build


def inputs_of(model, size: int = 2) -> GroundingInputs:
    return model.data_preprocessor(collated_batch(model.modality, size))["inputs"]


def test_each_stream_keeps_its_own_patches():
    model = build("fsvg", "rgbt").eval()
    with torch.no_grad():
        outputs = model.encode(inputs_of(model))
        maps = model.relevance(outputs)
    assert outputs["kept"].shape == (4, 12)  # 0.7 of 16 patches
    assert (maps["kept rgb"].sum((1, 2)) == 12).all() and (maps["kept ir"].sum((1, 2)) == 12).all()
    assert not torch.equal(maps["kept rgb"], maps["kept ir"])
    assert (maps["attention rgb"][maps["kept rgb"] == 0] == 0).all()


def test_the_rate_falls_in_training_and_is_final_in_validation():
    selection = PatchSelection((0,), keep_rate=0.5, start=2, warmup=2)
    rates = []
    for epoch in range(5):
        selection.set_epoch(epoch)
        rates.append((selection.train().rate, selection.eval().rate))
    assert rates == [(1.0, 0.5), (1.0, 0.5), (1.0, 0.5), (0.75, 0.5), (0.5, 0.5)]
    selection.evaluate_at_epoch_rate = True
    selection.set_epoch(3)
    assert selection.eval().rate == 0.75


def test_options_leave_out_padding():
    padded = torch.tensor([[False, True, False, True]])
    scores = torch.tensor([[0.1, 0.9, 0.2, 0.8]])
    chosen = PatchSelection((0,), 0.5, drop_padded_first=True)(scores, 3, padded)
    assert chosen.tolist() == [[2, 0, 1]]
    model = build("fsvg", "rgb", selection=dict(layers=(1,), keep_rate=0.5, words_only=True)).eval()
    inputs = inputs_of(model)
    with torch.no_grad():
        words = model.text_encoder(inputs.token_ids, inputs.token_padding_mask)
        assert torch.equal(model.word_weights(words).bool(), ~inputs.token_padding_mask)


def test_scores_are_the_mean_of_the_softmaxed_attention():
    torch.manual_seed(0)
    model = build("fsvg", "rgb").eval()
    layer, x = model.image_encoder.layers[1], torch.randn(2, 1 + 16 + 5, 32)
    with torch.no_grad():
        y, scores = attend_and_score(layer, x, torch.ones(2, 5), slice(1, 17))
        attention, normed = layer.self_attn, layer.layer_norm1(x)
        query, key = (attention.split_heads(p(normed)) for p in (attention.q_proj, attention.k_proj))
        weights = (query @ key.transpose(-1, -2) / 16**0.5).softmax(-1).mean(1)
        expected = x + attention(normed)
    torch.testing.assert_close(scores, weights[:, -5:, 1:17].mean(1))
    torch.testing.assert_close(y, expected)


def test_a_full_keep_rate_is_the_plain_tower():
    full, plain = build("fsvg", "rgb", selection=dict(layers=(1,), keep_rate=1.0)), build("fsvg", "rgb")
    plain.selection.layers = ()
    plain.load_state_dict(full.state_dict())
    inputs = inputs_of(full)
    with torch.no_grad():
        assert torch.equal(
            full.eval().encode(inputs)["pred_boxes_cxcywh"], plain.eval().encode(inputs)["pred_boxes_cxcywh"]
        )
