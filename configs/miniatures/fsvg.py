"""FSVG in small, from the miniature CLIP, which learns with everything else: patches are dropped once."""

_base_ = ["../fsvg/fsvg_b16.py", "../_base_/miniatures/clip.py", "../_base_/miniatures/schedule.py"]

data = "synthetic"
image_size = 64
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
modality = "rgbt"
max_epochs = 6
lr = 8e-4
param_scheduler = "$miniature_schedule"

clip = "pretrain_weights/miniature/clip.safetensors"
model = dict(
    image_encoder=dict(arch="$clip_image_arch", stem_widths="$clip_stem", pretrained="$clip"),
    text_encoder=dict(arch="$clip_text_arch", pretrained="$clip"),
    selection=dict(layers=(1,), start=1, warmup=3),
    text_dropout=0.0,
    head=dict(width=64, l1_weight=4.0, giou_weight=4.0),
    patch_choice=dict(type="PatchChoice"),
    auxiliary_heads=[dict(type="PatchChoiceHead", loss_weight=2.0)],
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0), paramwise_cfg=dict(_delete_=True))
