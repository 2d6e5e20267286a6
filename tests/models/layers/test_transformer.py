"""The DETR-style attention layer."""

import torch

from rgbtvg.models.layers import Attention


def test_returning_the_weights_does_not_change_the_result() -> None:
    attention, x = Attention(16, 4).eval(), torch.randn(2, 6, 16)
    mask = torch.zeros(2, 6, dtype=torch.bool)
    mask[1, 4:] = True
    result, weights = attention.forward_with_weights(x, x, x, mask)
    torch.testing.assert_close(result, attention(x, x, x, mask))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 6))
    assert not weights[1, :, 4:].any()
