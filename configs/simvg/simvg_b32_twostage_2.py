"""SimVG, second of two stages: the student learns from the decoder; begin with --load-from and stage 1's best."""

_base_ = ["simvg_b32.py"]

lr = 3e-4
max_epochs = 20
milestones = [14]
