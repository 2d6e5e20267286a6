"""SimVG-L, first of two stages: the decoder branch alone."""

_base_ = ["simvg_l32.py"]

milestones = [20, 26]
answer = "decoder"
model = dict(head=dict(token_weight=0.0, distill_weight=0.0))
