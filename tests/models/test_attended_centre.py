"""A box that is measured from where the regression token looks, and the loss that teaches the token to look."""

from __future__ import annotations

import pytest
import torch

from rgbtvg.models.losses.attention_balance import attention_inside, target_regions
from rgbtvg.structures import cell_layout
from tests.models.batches import collated_batch
from tests.models.test_methods import build

GUIDED = dict(attended_centre=True, auxiliary_heads=[dict(type="AttentionHead")])
METHODS = pytest.mark.parametrize("method", ["transvg", "qrnet", "clip_vg", "mmca"])


def batch_of(model, size: int = 3) -> dict:
    return model.data_preprocessor(collated_batch(model.modality, size), training=True)


@METHODS
def test_an_undecided_head_answers_with_the_mean_place_of_the_attention(method):
    model = build(method, "rgbt", **GUIDED).eval()
    last = model.head.mlp.layers[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    with torch.no_grad():
        outputs = model.encode(batch_of(model)["inputs"])
    attention = outputs["joint"].attention[-1]
    grids, streams = cell_layout(outputs["streams"], attention.shape[-1])
    x = torch.cat([(torch.arange(w) + 0.5).div(w).repeat(h) for h, w in grids]).repeat(streams)
    y = torch.cat([(torch.arange(h) + 0.5).div(h).repeat_interleave(w) for h, w in grids]).repeat(streams)
    expected = torch.stack((attention @ x, attention @ y), dim=-1)
    torch.testing.assert_close(outputs["pred_boxes_cxcywh"][:, :2], expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs["pred_boxes_cxcywh"][:, 2:], torch.full((3, 2), 0.5))


@METHODS
def test_the_loss_is_that_of_attention_outside_the_target(method):
    model = build(method, "rgbt", **GUIDED).train()
    batch = batch_of(model)
    outputs = model.encode(batch["inputs"])
    losses = model.losses(outputs, batch["data_samples"])
    boxes = torch.cat([sample.gt_boxes_cxcywh for sample in batch["data_samples"]])
    attention = outputs["joint"].attention
    region = target_regions(boxes, batch["inputs"].input_shape, *cell_layout(outputs["streams"], attention.shape[-1]))
    torch.testing.assert_close(losses["loss_attention"], -attention_inside(attention[-1:], region).log().mean())
    sum(losses.values()).backward()
    assert model.fusion.positions.weight.grad.abs().sum() > 0


def test_a_momentum_copy_needs_no_box_head():
    model = build("transvg", "rgbt", attended_centre=True, attention_balance=dict(first_layer=1)).train()
    losses = model(**batch_of(model), mode="loss")
    assert losses["loss_constraint"] > 0
    assert losses["loss_bbox"].isfinite()
