"""One LoRA of rank 32 shared by both streams and the text, and HiVG's bridge."""

_base_ = ["../rgbt_vgnet_v1_b16.py"]

adapter = dict(groups=dict(_delete_=True, shared=dict(rank=32, streams=("rgb", "ir", "text"))))
load_from = "pretrain_weights/hivg_b16_mixup_rgbt.pth"  # see docs/experiments.md
