"""The small SimVG, second of two stages; begin with --load-from and stage 1's best."""

_base_ = ["simvg_tiny.py"]

lr = 6e-4
max_epochs = 5
milestones = [4]
