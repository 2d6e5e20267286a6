"""CLIP-VG in small: all layers of the miniature CLIP are read, as by its authors, and learn (docs/miniatures.md)."""

_base_ = ["../clip_vg/clip_vg_b16.py", "../_base_/miniatures/clip.py", "../_base_/miniatures/schedule.py"]

data = "synthetic"
image_size = 64
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
max_epochs = 6
lr = 8e-4
param_scheduler = "$miniature_schedule"

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
    frozen=False,
    fusion=dict(width=64, depth=3, num_heads=4, ffn_width=128, dropout=0.0, position_start="sine"),
    head=dict(width=64, l1_weight=4.0, giou_weight=4.0),
    patch_choice=dict(type="PatchChoice"),
    auxiliary_heads=[dict(type="PatchChoiceHead", loss_weight=2.0)],
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
