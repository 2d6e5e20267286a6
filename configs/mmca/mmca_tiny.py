"""An MMCA small enough to train from scratch on a laptop, on the synthetic set."""

_base_ = [
    "../_base_/models/transvg_tiny.py",
    "../_base_/pipelines/synthetic_padded.py",
    "../_base_/schedules/adamw_step_tiny.py",
    "../_base_/runtime/default.py",
]

# At the others' 5e-4 the scaled side paths of an untrained ResNet, which normalises nothing, overflow.
lr = 1e-4
model = dict(type="MMCA", adapter=dict(rank=16, gate_width=32))
optim_wrapper = dict(clip_grad=dict(max_norm=0.1))
