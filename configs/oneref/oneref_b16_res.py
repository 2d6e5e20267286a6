"""OneRef for masks: the segmentation head and its losses alone."""

_base_ = [
    "../_base_/models/oneref.py",
    "../_base_/pipelines/padded_beit3_masks.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/runtime/default.py",
]

max_epochs = 20
lr = 3e-5
box_weight = 0.0
region_weight = 0.0
find_unused_parameters = True
model = dict(mask_head=dict(type="ReferringMaskHead"))
default_hooks = dict(checkpoint=dict(save_best="mask/miou"))
