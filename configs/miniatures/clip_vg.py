"""CLIP-VG in small: the miniature CLIP stays frozen; all of its layers are read, as its authors do."""

_base_ = ["../clip_vg/clip_vg_b16.py", "../_base_/miniatures/clip.py"]

data = "synthetic"
image_size = 64
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
max_epochs = 6
lr_drop = 5
lr = 1e-3

clip = "pretrain_weights/miniature/clip.safetensors"
model = dict(
    image_encoder=dict(
        arch="$clip_image_arch",
        stem_widths="$clip_stem",
        out_levels=(1, 2, 3),
        project_tokens=False,
        pretrained="$clip",
    ),
    text_encoder=dict(arch="$clip_text_arch", pretrained="$clip"),
    fusion=dict(width=64, depth=3, num_heads=4, ffn_width=128, dropout=0.0),
    head=dict(width=64),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
