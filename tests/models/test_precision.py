"""bfloat16 autocast gives the losses of float32; coordinates and assignment stay in float32."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from mmengine.optim import OptimWrapper

from tests.models.batches import collated_batch
from tests.models.test_methods import METHODS, MODALITIES, build
from tests.quick import mostly_slow

QUICK = [("faoa", "rgb"), ("resc", "ir"), ("clip_vg", "rgbt"), ("simvg", "rgb")]
CASES = mostly_slow(product((*METHODS, "attbalance"), MODALITIES), QUICK)
FAMILIES = ("clip_vg", "transvg", "faoa", "qrnet", "oneref")
"""One method per image encoder: CLIP, ResNet, Darknet, Swin, BEiT-3."""


def first_loss(method: str, modality: str, amp: bool) -> float:
    """Loss of a new model, the mean over four small batches: batch norm of a few cells amplifies rounding."""
    options = {}
    if method == "attbalance":  # terms of a method's attention, no grounder of its own
        method, options = "transvg", dict(attention_balance=dict(first_layer=1))
    model, total = build(method, modality, **options).train(), 0.0
    for seed in range(4):
        data = model.data_preprocessor(collated_batch(modality, size=4, seed=seed), training=True)
        torch.manual_seed(0)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=amp):
            total += model.parse_losses(model(**data, mode="loss"))[0].item() / 4
    return total


@pytest.mark.parametrize(("method", "modality"), CASES)
def test_the_first_loss_is_that_of_float32(method, modality):
    exact = first_loss(method, modality, amp=False)
    assert first_loss(method, modality, amp=True) == pytest.approx(exact, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("method", FAMILIES)
def test_training_goes_the_way_of_float32(method):
    """Mean loss of steps 41 to 50 at a usual learning rate; batches learned by heart follow any rounding by ±15 %."""
    batches = [collated_batch("rgb", size=8, seed=seed) for seed in range(4)]
    means = []
    for amp in (False, True):
        model = build(method, "rgb").train()
        learning = [p for p in model.parameters() if p.requires_grad]
        optimizer, losses = OptimWrapper(torch.optim.AdamW(learning, lr=2.5e-4)), []
        torch.manual_seed(0)
        for step in range(50):
            with torch.autocast("cpu", torch.bfloat16, enabled=amp):
                data = model.data_preprocessor(batches[step % 4], training=True)
                total, _ = model.parse_losses(model(**data, mode="loss"))
            optimizer.update_params(total)
            losses.append(total.item())
        means.append(sum(losses[40:]) / 10)
    assert means[1] == pytest.approx(means[0], rel=0.05), means
