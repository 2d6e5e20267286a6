"""SimVG, one dataset after pre-training on the mixture; begin with --load-from (positions are resampled to 640 px)."""

_base_ = ["simvg_b32.py"]

lr = 1e-4
max_epochs = 10
milestones = [7]
answer = "decoder"
model = dict(head=dict(token_weight=0.0, distill_weight=0.0))
