"""A TransVG small enough to train from scratch on a laptop, on the synthetic set."""

_base_ = [
    "../_base_/models/transvg_tiny.py",
    "../_base_/pipelines/synthetic_padded.py",
    "../_base_/schedules/adamw_step_tiny.py",
    "../_base_/runtime/default.py",
]
