"""Adam with a tenth of the rate for the tower; the rate climbs for three epochs and falls to a tenth (SimVG, ALVG).

SimVG's schedule in epochs: warm-up W is `warmup_end = W + 1` and `warmup_factor = 1 / (W + 1)`; a decay at epoch s is
the milestone s - 1.
"""

max_epochs = 30
lr = 5e-4
warmup_end = 4
warmup_factor = 0.25
milestones = [24]

train_cfg = dict(type="GroundingTrainLoop", max_epochs="$max_epochs", val_interval=1)
optim_wrapper = dict(
    type="GuardedOptimWrapper",
    optimizer=dict(type="Adam", lr="$lr", betas=(0.9, 0.98), eps=1e-9, amsgrad=True),
    paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=0.15),
)
param_scheduler = [
    dict(type="LinearLR", by_epoch=True, begin=0, end="$warmup_end", start_factor="$warmup_factor"),
    dict(type="MultiStepLR", by_epoch=True, milestones="$milestones", gamma=0.1),
]
auto_scale_lr = dict(enable=False, base_batch_size=32)
