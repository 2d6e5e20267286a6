"""RGBT-VGNet v2 on thermal alone with the thermal adapter and guides (ours: the reference cannot)."""

_base_ = ["rgbt_vgnet_b16.py"]

modality = "ir"
load_from = "pretrain_weights/hivg_b16_mixup_merged.pth"  # docs/experiments.md says how it is made
adapter = dict(groups=dict(_delete_=True, ir=dict(rank=48, streams=("ir", "text"))))
