"""What a GPU gets: fused optimizers, channels-last convolutions, and steps that are dropped on the device."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import rgbtvg.models  # noqa: F401
from rgbtvg.engine.acceleration import accelerate, prefer_fused
from rgbtvg.engine.optim import GuardedOptimWrapper
from rgbtvg.engine.resume_state import merged_optimizer_state
from rgbtvg.models.backbones.conv_encoder import ConvEncoder


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # MMEngine's logger looks for it
    yield
    torch.set_float32_matmul_precision("highest")


def test_optimizers_are_fused_on_a_gpu_unless_the_config_says_otherwise(gpu):
    assert prefer_fused(dict(type="AdamW", lr=1e-4)) == dict(type="AdamW", lr=1e-4, fused=True)
    for other in (dict(type="AdamW", fused=False), dict(type="RMSprop"), dict(type="Adam", foreach=True)):
        assert prefer_fused(other) == other


def test_convolutional_encoders_are_channels_last_on_a_gpu_and_give_the_same(gpu):
    encoder, images = ConvEncoder(), torch.randn(2, 3, 32, 32)
    padding = torch.zeros(2, 32, 32, dtype=torch.bool)
    before = encoder(images, padding).tokens
    accelerate(encoder)
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in encoder.parameters() if w.ndim == 4)
    torch.testing.assert_close(encoder(images, padding).tokens, before)


def test_moments_of_a_cpu_run_fit_channels_last_parameters():
    def steps(convolution: nn.Module, state: dict | None = None) -> torch.optim.AdamW:
        optimizer = torch.optim.AdamW(convolution.parameters(), fused=True)
        if state is not None:
            optimizer.load_state_dict(merged_optimizer_state(state, optimizer, "a.pth"))
        convolution(torch.ones(1, 4, 8, 8)).sum().backward()
        optimizer.step()
        return optimizer

    torch.manual_seed(0)
    first = nn.Conv2d(4, 4, 3)
    state = steps(first).state_dict()
    other = nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)
    other.load_state_dict(first.state_dict())
    moments = steps(other, state).state[other.weight]["exp_avg"]
    assert moments.stride() == other.weight.stride()


@pytest.mark.parametrize("fused", [False, True])
def test_a_bad_loss_drops_the_whole_accumulation(fused):
    parameter = nn.Parameter(torch.ones(3))
    wrapper = GuardedOptimWrapper(torch.optim.AdamW([parameter], lr=0.1, fused=fused), accumulative_counts=2)
    seen = []
    for factor in (1.0, float("nan"), 1.0, 1.0):
        wrapper.update_params((parameter * factor).sum())
        seen.append((wrapper.skipped.item(), parameter[0].item()))
    assert [skipped for skipped, _ in seen] == [0, 1, 0, 0]
    assert [value for _, value in seen[:3]] == [1, 1, 1]
    assert seen[3][1] == pytest.approx(0.9, abs=2e-3)  # one step, as the first one of a fresh optimizer
