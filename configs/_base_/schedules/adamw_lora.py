"""AdamW for low-rank updates: a short warm-up and a cosine to zero, by optimizer step."""

max_epochs = 3
lr = 1e-4
weight_decay = 0.0

train_cfg = dict(type="GroundingTrainLoop", max_epochs="$max_epochs", val_interval=1)
optim_wrapper = dict(
    type="GuardedOptimWrapper",
    optimizer=dict(type="AdamW", lr="$lr", weight_decay="$weight_decay"),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=100, start_factor=0.01),
    dict(
        type="CosineAnnealingLR",
        by_epoch=True,
        begin=0,
        end="$max_epochs",
        T_max="$max_epochs",
        eta_min=0.0,
        convert_to_iter_based=True,
    ),
]
