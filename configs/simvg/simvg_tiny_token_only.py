"""The small SimVG's student without a teacher: both branches learn from the targets alone."""

_base_ = ["simvg_tiny.py"]

model = dict(head=dict(balanced=False, token_weight=1.0, distill_weight=0.0))
