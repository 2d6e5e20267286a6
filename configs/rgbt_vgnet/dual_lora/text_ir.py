"""v1 starting from un-merged pre-training, with the thermal LoRA for the text."""

_base_ = ["../rgbt_vgnet_v1_b16.py"]

adapter = dict(groups=dict(rgb=dict(streams=("rgb",)), ir=dict(streams=("ir", "text"))))
load_from = "pretrain_weights/hivg_b16_mixup_split_text_ir_rgbt.pth"  # see docs/experiments.md
