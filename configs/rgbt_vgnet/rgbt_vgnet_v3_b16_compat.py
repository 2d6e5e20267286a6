"""For RGBT-VGNet v3 checkpoints of its authors."""

_base_ = ["rgbt_vgnet_v3_b16.py"]

load_from = "pretrain_weights/hivg_b16_mixup_merged_rgbt.pth"  # see docs/experiments.md
rgbt_resize = "premultiplied"
tokenize = dict(mask_pad_id=True)
guide = dict(interleave_text=True)
model = dict(fusion=dict(num_image=393))
