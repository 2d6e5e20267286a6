"""SimVG-L, second of two stages; begin with --load-from and stage 1's best."""

_base_ = ["simvg_l32.py"]

lr = 1e-4
max_epochs = 10
milestones = [6]
param_scheduler = [dict(type="MultiStepLR", by_epoch=True, milestones="$milestones", gamma=0.1)]
