"""Float32 on a CPU stays float32, and mixed precision stays close to it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from rgbtvg.engine import train
from rgbtvg.engine.processor import stock_linears, use_fast_linears
from tests.engine.staged_tiny import staged_config


@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 64, 4), (20, 512, 512), (197, 768, 3072), (788, 3072, 768)])
def test_linears_have_the_error_of_float32(rows, inner, columns):
    torch.manual_seed(0)
    use_fast_linears()
    x, weight, bias = (torch.randn(size, requires_grad=True) for size in ((2, rows, inner), (columns, inner), columns))
    product = F.linear(x, weight, bias)
    product.backward(torch.ones_like(product))
    exact = F.linear(x.double(), weight.double(), bias.double())
    # Sums of 3,072 products: 0.9e-6 in the median of sixty draws, 1.2e-6 at most. bfloat16 would be 1e-3.
    assert (product - exact).abs().max() < 2e-6 * exact.abs().max()
    ones = torch.ones(2 * rows, columns, dtype=torch.float64)
    truths = (ones @ weight.double()).view(x.shape), ones.t() @ x.flatten(0, 1).double(), ones.sum(0)
    for gradient, truth in zip((x.grad, weight.grad, bias.grad), truths, strict=True):
        assert (gradient - truth).abs().max() < 2e-6 * truth.abs().max()


@pytest.mark.parametrize("learns", [(True, False), (False, True), (False, False)])
def test_a_linear_keeps_only_what_its_gradients_need(learns):
    use_fast_linears()
    x, weight = (torch.randn(64, 64, requires_grad=needs) for needs in learns)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda none: none):
        product = F.linear(x, weight)
    assert len(kept) == sum(learns)
    assert product.requires_grad == any(learns)


def test_linears_of_other_types_are_left_alone():
    use_fast_linears()
    x, weight = torch.randn(64, 64), torch.randn(64, 64)
    assert F.linear(x.double(), weight.double()).dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        assert F.linear(x, weight).dtype == torch.bfloat16
    with stock_linears():
        torch.testing.assert_close(F.linear(x, weight), x @ weight.t())


def test_mixed_precision_follows_float32_for_fifty_steps(tmp_path):
    def losses(amp: bool) -> torch.Tensor:
        options = {"stages": [dict(epochs=17, lr=2.5e-4, max_layer=2)], "randomness.seed": 0}
        runner = train(staged_config(tmp_path / str(amp), options), amp=amp)
        return torch.as_tensor(runner.message_hub.get_scalar("train/loss").data[0])

    exact, mixed = losses(amp=False), losses(amp=True)
    assert len(exact) == 51
    assert not torch.equal(exact, mixed)
    assert ((mixed - exact).abs() / exact).max() < 0.02


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc")
def test_freed_memory_stays_for_the_next_step():
    """Pages that a loop of allocations asks the system for, with and without."""
    program = """
import resource, sys, torch
from rgbtvg.engine.processor import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def step():
    blocks = [torch.ones(2**20) for _ in range(40)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_PRE"))}
    faults = {}
    for word in ("kept", "given_back"):
        command = [sys.executable, "-c", program, word]
        faults[word] = int(subprocess.run(command, check=True, capture_output=True, env=plain).stdout)
    if faults["given_back"] < 10_000:
        pytest.skip("pages are huge here, so that few are asked for either way")
    assert faults["kept"] < 0.1 * faults["given_back"]
