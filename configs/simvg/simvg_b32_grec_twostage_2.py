"""SimVG for several objects or none, second of two stages; begin with --load-from and stage 1's best."""

_base_ = ["simvg_b32_grec.py"]

max_epochs = 100
milestones = [89]
