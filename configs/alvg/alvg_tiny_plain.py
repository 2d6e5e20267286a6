"""The small ALVG without its attention losses."""

_base_ = ["alvg_tiny.py"]

score_weight = 0.0
attention_weight = 0.0
