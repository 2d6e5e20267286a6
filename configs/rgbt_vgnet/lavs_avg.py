"""v2 without LAVS, streams joined by AVG."""

_base_ = ["rgbt_vgnet_b16.py"]

load_from = "pretrain_weights/hivg_b16_mixup_merged.pth"  # docs/experiments.md says how it is made
guide = None
neck = dict(_delete_=True, type="AverageStreams")
model = dict(stream_exchange=False)
