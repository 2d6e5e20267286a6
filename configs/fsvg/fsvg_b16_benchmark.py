"""FSVG as the RGB-T benchmark trains it: 224 px, three modalities, 120 epochs, no selection."""

_base_ = ["fsvg_b16.py"]

modality = "rgbt"
image_size = 224
keep_rate = 1.0
max_epochs = 120
lr = 1e-5
model = dict(head=dict(width=512, l1_weight=1.0, giou_weight=1.0))
optim_wrapper = dict(paramwise_cfg=dict(_delete_=True))
auto_scale_lr = dict(base_batch_size=32)
