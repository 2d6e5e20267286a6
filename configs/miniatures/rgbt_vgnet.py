"""RGBT-VGNet v2 in small, from the miniature CLIP: a LoRA per stream, text-guided attention and exchange.

All of CLIP learns, and a choice among the patches takes the place of the published auxiliary losses
(docs/methods/rgbt_vgnet.md says what both do).
"""

_base_ = ["../rgbt_vgnet/rgbt_vgnet_b16.py", "../_base_/miniatures/clip.py"]

data = "synthetic"
image_size = 64
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
stages = [dict(epochs=6, lr=8e-4, max_layer=3)]

clip = "pretrain_weights/miniature/clip.safetensors"
load_from = None
adapter = dict(groups=dict(rgb=dict(rank=8), ir=dict(rank=24)), alpha=16, dropout=0.0)
model = dict(
    image_encoder=dict(arch="$clip_image_arch", stem_widths="$clip_stem", out_levels=(1, 2, 3), pretrained="$clip"),
    text_encoder=dict(arch="$clip_text_arch", pretrained="$clip"),
    guides=dict(layers=(0, 1, 2)),
    tuned_weights="all",
    patch_choice=dict(type="PatchChoice"),
    fusion=dict(width=64, depth=2, num_heads=4, ffn_width=128, dropout=0.0, position_start="sine"),
    head=dict(width=64, l1_weight=4.0, giou_weight=4.0),
    auxiliary_heads=[dict(type="PatchChoiceHead", loss_weight=2.0)],
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
