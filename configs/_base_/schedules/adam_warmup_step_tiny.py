"""The same for small models that train from scratch: one rate for all, ten epochs."""

_base_ = ["adam_warmup_step.py"]

max_epochs = 10
milestones = [8]
warmup_end = 2
warmup_factor = 0.5
lr = 1e-3
optim_wrapper = dict(paramwise_cfg=None, clip_grad=dict(max_norm=1.0))
