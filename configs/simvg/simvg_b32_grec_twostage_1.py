"""SimVG for several objects or none, first of two stages: the decoder branch alone."""

_base_ = ["simvg_b32_grec.py"]

answer = "decoder"
model = dict(head=dict(token_weight=0.0, distill_weight=0.0))
