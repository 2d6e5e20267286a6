"""v2 on thermal alone, with the thermal adapter and guides; our definition, the reference code has none."""

_base_ = ["../rgbt_vgnet_b16.py"]

modality = "ir"
load_from = "pretrain_weights/hivg_b16_mixup_merged.pth"  # see docs/experiments.md
adapter = dict(groups=dict(_delete_=True, ir=dict(rank=48, streams=("ir", "text"))))
