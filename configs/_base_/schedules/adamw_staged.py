"""AdamW in stages that open ever more of CLIP (HiLoRA), each with a cosine of its own; one run.

`max_epochs` shortens or stretches all stages alike. `stage_mode = 'reload'` begins every stage with the best weights so
far, as separate runs that feed each other would; `'one_schedule'` is one cosine over all of them.
"""

stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5),
    dict(epochs=20, lr=5e-5, max_layer=8),
    dict(epochs=20, lr=2.5e-5, max_layer=12),
]
max_epochs = None
stage_mode = "in_process"
weight_decay = 1e-4

train_cfg = dict(
    type="StagedTrainLoop", stages="$stages", max_epochs="$max_epochs", stage_mode="$stage_mode", val_interval=1
)
optim_wrapper = dict(
    type="GuardedOptimWrapper",
    optimizer=dict(type="AdamW", lr=2.5e-4, weight_decay="$weight_decay"),
)
auto_scale_lr = dict(enable=False, base_batch_size=128)
