"""AdamW, and a tenth of the learning rate from `lr_drop` on (TransVG: 90 epochs, drop after 60)."""

max_epochs = 90
lr_drop = 60
lr = 1e-4
weight_decay = 1e-4

train_cfg = dict(type="GroundingTrainLoop", max_epochs="$max_epochs", val_interval=1)
optim_wrapper = dict(
    type="GuardedOptimWrapper",
    optimizer=dict(type="AdamW", lr="$lr", weight_decay="$weight_decay"),
)
param_scheduler = [dict(type="MultiStepLR", by_epoch=True, milestones=["$lr_drop"], gamma=0.1)]
auto_scale_lr = dict(enable=False, base_batch_size=64)
