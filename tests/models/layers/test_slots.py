"""Modules plugged into encoders."""

import torch
from torch import nn

from rgbtvg.models.layers import Slots


class Plus(nn.Module):
    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = amount

    def forward(self, x, language):
        return x + self.amount * language


def test_in_series_each_answer_replaces_the_state():
    slots = Slots({"one": Plus(1.0), "ten": Plus(10.0)})
    assert slots(torch.zeros(1), 2.0).item() == 22
    assert Slots()(torch.ones(1), 2.0).item() == 1


def test_beside_the_named_answer_is_added():
    slots = Slots({"query": Plus(1.0)})
    result, x = torch.full((1,), 100.0), torch.full((1,), 5.0)
    assert slots.beside("query", result, x, 2.0).item() == 107
    assert slots.beside("key", result, x, 2.0) is result
