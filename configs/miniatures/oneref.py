"""OneRef in small, from the miniature BEiT-3 (objects and masked words): the tower learns with everything."""

_base_ = ["../oneref/oneref_b16.py", "../_base_/miniatures/beit3.py", "../_base_/miniatures/schedule.py"]

data = "synthetic"
image_size = 96
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
pad_id = 0
beit3 = "pretrain_weights/miniature/beit3.safetensors"
arch = "$beit3_arch"
max_epochs = 6
lr = 8e-4
param_scheduler = "$miniature_schedule"
box_weight = 4.0
region_weight = 0.0
model = dict(
    neck=dict(type="AverageStreams"),
    backbone=dict(patch_size=12, stem_widths="$beit3_stem", vocab_size=2000, max_words=32, drop_path_rate=0.0),
    head=dict(scale=12.0, sentence="mean", centred=True),
    auxiliary_heads=[dict(type="PatchChoiceHead", loss_weight=2.0)],
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
