"""Float32 on a CPU stays float32, and mixed precision stays close to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from rgbtvg.engine import processor, train
from tests.engine.staged_tiny import staged_config


@pytest.fixture
def setting() -> Iterator[Any]:
    """PyTorch's setting, put back afterwards."""
    if not hasattr(torch.backends.mkldnn, "matmul"):
        pytest.skip("this PyTorch has no such setting")
    with processor.matrix_products("ieee"):
        yield torch.backends.mkldnn.matmul


@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 64, 4), (20, 512, 512), (197, 768, 3072), (788, 3072, 768)])
def test_products_have_the_error_of_float32(setting, rows, inner, columns):
    processor.use_fast_matrix_products()
    x, weight = torch.randn(rows, inner, requires_grad=True), torch.randn(columns, inner, requires_grad=True)
    product = F.linear(x, weight)
    product.backward(torch.ones_like(product))
    exact = F.linear(x.double(), weight.double())
    assert (product - exact).abs().max() < 1e-6 * inner**0.5 * 10
    ones = torch.ones(rows, columns, dtype=torch.float64)
    for gradient, truth in ((x.grad, ones @ weight.double()), (weight.grad, ones.t() @ x.double())):
        assert (gradient - truth).abs().max() < 1e-5 * truth.abs().max()


def test_a_processor_that_would_round_keeps_the_default(setting, monkeypatch):
    monkeypatch.setattr(processor, "TOLERANCE", 0.0)
    processor.permission_stays_unused.cache_clear()
    processor.use_fast_matrix_products()
    assert setting.fp32_precision == "ieee"
    processor.permission_stays_unused.cache_clear()


def test_mixed_precision_follows_float32_for_fifty_steps(tmp_path):
    def losses(amp: bool) -> torch.Tensor:
        options = {"stages": [dict(epochs=17, lr=2.5e-4, max_layer=2)], "randomness.seed": 0}
        runner = train(staged_config(tmp_path / str(amp), options), amp=amp)
        return torch.as_tensor(runner.message_hub.get_scalar("train/loss").data[0])

    exact, mixed = losses(amp=False), losses(amp=True)
    assert len(exact) == 51
    assert not torch.equal(exact, mixed)
    assert ((mixed - exact).abs() / exact).max() < 0.02
