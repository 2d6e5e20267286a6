"""FSVG in small, from the miniature CLIP: patches are dropped once, and CLIP learns ten times slower."""

_base_ = ["../fsvg/fsvg_b16.py", "../_base_/miniatures/clip.py"]

data = "synthetic"
image_size = 64
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
modality = "rgbt"
max_epochs = 6
lr_drop = 5
lr = 1e-3

clip = "pretrain_weights/miniature/clip.safetensors"
model = dict(
    image_encoder=dict(arch="$clip_image_arch", stem_widths="$clip_stem", pretrained="$clip"),
    text_encoder=dict(arch="$clip_text_arch", pretrained="$clip"),
    selection=dict(layers=(1,), start=1, warmup=3),
    text_dropout=0.0,
    head=dict(width=64),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
