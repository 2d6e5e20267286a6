"""AdamW in stages that train a growing number of CLIP's layers (HiLoRA), with a cosine schedule per stage, in one run.

`max_epochs` scales all stages alike. `stage_mode = "reload"` starts each stage from the best weights so far, as in the
references, where stages are separate runs; ``"in_process"`` continues from the last weights; ``"one_schedule"`` is one
cosine over all stages.
"""

stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5),
    dict(epochs=20, lr=5e-5, max_layer=8),
    dict(epochs=20, lr=2.5e-5, max_layer=12),
]
max_epochs = None
stage_mode = "reload"
weight_decay = 1e-4

train_cfg = dict(
    type="StagedTrainLoop", stages="$stages", max_epochs="$max_epochs", stage_mode="$stage_mode", val_interval=1
)
optim_wrapper = dict(
    type="GuardedOptimWrapper",
    optimizer=dict(type="AdamW", lr=2.5e-4, weight_decay="$weight_decay"),
)
auto_scale_lr = dict(enable=False, base_batch_size=128)
