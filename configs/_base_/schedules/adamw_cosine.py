"""AdamW, and a learning rate that falls along a cosine, once per epoch, to 0 (CLIP-VG: 110 epochs from 2.5e-4)."""

max_epochs = 110
lr = 2.5e-4
weight_decay = 1e-4

train_cfg = dict(type="GroundingTrainLoop", max_epochs="$max_epochs", val_interval=1)
optim_wrapper = dict(
    type="GuardedOptimWrapper",
    optimizer=dict(type="AdamW", lr="$lr", weight_decay="$weight_decay"),
)
param_scheduler = [dict(type="CosineAnnealingLR", by_epoch=True, T_max="$max_epochs", eta_min=0.0)]
auto_scale_lr = dict(enable=False, base_batch_size=64)
