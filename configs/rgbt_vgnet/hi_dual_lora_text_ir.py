"""v1 with two LoRAs of rank 32, text with the thermal one."""

_base_ = ["hi_dual_lora_text_rgb.py"]

adapter = dict(groups=dict(rgb=dict(streams=("rgb",)), ir=dict(streams=("ir", "text"))))
load_from = "pretrain_weights/hivg_b16_mixup_split_text_ir_rgbt.pth"  # docs/experiments.md says how it is made
