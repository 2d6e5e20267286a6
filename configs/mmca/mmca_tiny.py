"""Tiny MMCA that trains from scratch on the synthetic set on a laptop."""

_base_ = ["../transvg/transvg_tiny.py"]

lr = 1e-4  # at 5e-4 the side paths of an untrained ResNet overflow
model = dict(type="MMCA", adapter=dict(rank=16, gate_width=32))
optim_wrapper = dict(clip_grad=dict(max_norm=0.1))
