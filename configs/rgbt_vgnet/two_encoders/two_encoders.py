"""One CLIP for both streams with a bridge and projections per stream, fused by a linear layer; one LoRA of rank 32."""

_base_ = ["../rgbt_vgnet_v1_b16.py"]

adapter = dict(groups=dict(_delete_=True, shared=dict(rank=32, streams=("rgb", "ir", "text"))))
neck = dict(_delete_=True, type="LinearFusion", width=512)
model = dict(guides=dict(per_stream=True), projections_per_stream=("level_proj", "image_proj"))
load_from = "pretrain_weights/hivg_b16_mixup_two_encoders.pth"  # see docs/experiments.md
