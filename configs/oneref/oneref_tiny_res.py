"""The small OneRef for masks: the segmentation head and its losses alone."""

_base_ = [
    "../_base_/models/oneref_tiny.py",
    "../_base_/pipelines/padded_beit3_masks.py",
    "../_base_/schedules/adamw_cosine_tiny.py",
    "../_base_/runtime/default.py",
]

tokenizer = "data/synthetic/tokenizer"
pad_id = 0
max_length = 24
image_size = 96
scale_stride = 8
num_workers = 1
box_weight = 0.0
region_weight = 0.0
find_unused_parameters = True
model = dict(mask_head=dict(type="ReferringMaskHead"))
default_hooks = dict(checkpoint=dict(save_best="mask/miou"))
