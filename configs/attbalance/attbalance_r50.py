"""AttBalance on TransVG-R50: its attention losses with every defect of the reference corrected.

The RGB-T benchmark trains at one rate of 1e-5 for 110 epochs with batches of 8.
"""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/transvg.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

max_epochs = 110
lr = 1e-5
batch_size = 8
model = dict(attention_balance=dict())
auto_scale_lr = dict(base_batch_size=8)
