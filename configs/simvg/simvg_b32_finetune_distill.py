"""SimVG, the student of a pre-trained or fine-tuned decoder; begin with --load-from."""

_base_ = ["simvg_b32.py"]

lr = 3e-4
max_epochs = 20
milestones = [14]
model = dict(head=dict(token_weight=1.0, distill_weight=0.4))
