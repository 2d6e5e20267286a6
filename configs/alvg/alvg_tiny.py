"""An ALVG small enough to train from scratch on a laptop, on the synthetic set."""

_base_ = [
    "../_base_/models/alvg_tiny.py",
    "../_base_/pipelines/synthetic_stretched.py",
    "../_base_/schedules/adam_warmup_step_tiny.py",
    "../_base_/runtime/default.py",
]
