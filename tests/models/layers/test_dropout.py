"""Dropout: how much it drops, that its short forms are the long ones, and how little they keep."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.models.layers.dropout import dropout, dropout_linear, relu_dropout
from rgbtvg.models.layers.transformer import Attention


def results_of(run: Callable[..., Tensor], *inputs: Tensor) -> list[Tensor]:
    """What `run` gives with one seed, and the gradients of its inputs."""
    inputs = tuple(x.detach().requires_grad_() for x in inputs)
    torch.manual_seed(3)
    output = run(*inputs)
    return [output, *torch.autograd.grad(output.float().square().sum(), inputs)]


def bytes_kept(run: Callable[..., Tensor], *inputs: Tensor) -> int:
    """Memory that the backward pass of `run` waits with, inputs apart."""
    inputs = tuple(x.detach().requires_grad_() for x in inputs)
    storages = {}

    def note(x: Tensor) -> Tensor:
        storages[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        output = run(*inputs)
    for x in (*inputs, output):
        storages.pop(x.untyped_storage().data_ptr(), None)
    return sum(storages.values())


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_drops_its_share_and_scales_the_rest(probability: float) -> None:
    x = torch.ones(301, 333)
    y = dropout(x, probability)
    assert (y == 0).float().mean().item() == pytest.approx(probability, abs=0.005)
    torch.testing.assert_close(y[y > 0], torch.full_like(y[y > 0], 1 / (1 - probability)))


def test_every_place_is_dropped_at_times() -> None:
    kept_counts = sum((dropout(torch.ones(3, 5), 0.5) > 0).float() for _ in range(200))
    assert kept_counts.min() > 60 and kept_counts.max() < 140


@pytest.mark.parametrize("run", [dropout, relu_dropout], ids=lambda run: run.__name__)
def test_nothing_and_everything(run: Callable[..., Tensor]) -> None:
    x = torch.rand(4, 5, requires_grad=True)
    assert run(x, 0.0).equal(x) and run(x, 0.7, training=False).equal(x)
    y = run(x, 1.0)
    y.sum().backward()
    assert not y.any() and not x.grad.any()


def test_short_forms_are_the_long_ones() -> None:
    x, weight = torch.randn(2, 7, 16), torch.randn(5, 16)
    for short, long, inputs in (
        (lambda x: relu_dropout(x, 0.3), lambda x: dropout(x.relu(), 0.3), [x]),
        (lambda x, w: dropout_linear(x, w, 0.3), lambda x, w: F.linear(dropout(x, 0.3), w), [x, weight]),
    ):
        for one, other in zip(results_of(short, *inputs), results_of(long, *inputs), strict=True):
            torch.testing.assert_close(one, other)


def test_mixed_precision() -> None:
    x, weight = torch.randn(2, 7, 16), torch.randn(5, 16)
    with torch.autocast("cpu", torch.bfloat16):
        output, to_x, to_weight = results_of(lambda x, w: dropout_linear(x, w, 0.3), x, weight)
    assert output.dtype is torch.bfloat16 and to_x.dtype is to_weight.dtype is torch.float32
    exact = results_of(lambda x, w: dropout_linear(x, w, 0.3), x, weight)
    torch.testing.assert_close(to_x, exact[1], rtol=0.1, atol=0.2)


def test_what_is_kept() -> None:
    x, weight = torch.randn(2, 64, 32), torch.randn(4, 32)
    assert bytes_kept(lambda x: relu_dropout(x, 0.1), x) == 0
    assert bytes_kept(lambda x: dropout(x, 0.1), x) == x.numel()
    assert bytes_kept(lambda x, w: dropout_linear(x, w, 0.1), x, weight) == x.numel()


def test_attention_with_dropout_keeps_no_weights() -> None:
    tokens, heads = 96, 4
    attention = Attention(16, heads, dropout=0.2).train()
    x = torch.randn(2, tokens, 16)
    assert bytes_kept(lambda x: attention(x, x, x), x) < 2 * heads * tokens * tokens * 4


def test_attention_is_the_same_with_and_without_its_weights() -> None:
    attention = Attention(16, 4, dropout=0.2).train()
    x, mask = torch.randn(2, 6, 16), torch.zeros(2, 6, dtype=torch.bool)
    mask[1, 4:] = True
    plain = results_of(lambda x: attention(x, x, x, mask), x)
    weighted = results_of(lambda x: attention.forward_with_weights(x, x, x, mask)[0], x)
    for one, other in zip(plain, weighted, strict=True):
        torch.testing.assert_close(one, other)
