"""For checkpoints that FSVG's authors released: every validation selects at the keep rate of its epoch."""

_base_ = ["fsvg_b16.py"]

model = dict(selection=dict(evaluate_at_epoch_rate=True))
