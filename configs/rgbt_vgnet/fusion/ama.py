"""AMA alone: v2 without LAVS (no text-guided attention, no exchange), streams averaged."""

_base_ = ["../rgbt_vgnet_b16.py"]

load_from = "pretrain_weights/hivg_b16_mixup_merged.pth"  # see docs/experiments.md
guide = None
neck = dict(_delete_=True, type="AverageStreams")
model = dict(stream_exchange=False)
