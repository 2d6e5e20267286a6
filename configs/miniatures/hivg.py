"""HiVG in small, from the miniature CLIP: bridges and one LoRA, unfrozen in stages together with CLIP itself."""

_base_ = ["../hivg/hivg_b16.py", "../_base_/miniatures/clip.py"]

data = "synthetic"
image_size = 64
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
stages = [
    dict(epochs=1, lr=8e-4, max_layer=1, text_max_layer=2),
    dict(epochs=1, lr=8e-4, max_layer=2, text_max_layer=2),
    dict(epochs=4, lr=8e-4, max_layer=3),
]
stage_mode = "one_schedule"

clip = "pretrain_weights/miniature/clip.safetensors"
adapter = dict(groups=dict(shared=dict(rank=16)), alpha=16, dropout=0.0)
model = dict(
    image_encoder=dict(arch="$clip_image_arch", stem_widths="$clip_stem", out_levels=(1, 2, 3), pretrained="$clip"),
    text_encoder=dict(arch="$clip_text_arch", out_levels=(2,), pretrained="$clip"),
    guides=dict(layers=(0, 1, 2)),
    tuned_weights="all",
    fusion=dict(width=64, depth=2, num_heads=4, ffn_width=128, dropout=0.0, position_start="sine"),
    head=dict(width=64, l1_weight=4.0, giou_weight=4.0),
    patch_choice=dict(type="PatchChoice"),
    auxiliary_heads=[
        dict(type="PatchChoiceHead", loss_weight=2.0),
        dict(type="ContrastiveHead"),
        dict(type="TokenAlignmentHead", width=64, mlp_width=128),
        dict(type="SentenceMaskHead", width=64),
    ],
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
