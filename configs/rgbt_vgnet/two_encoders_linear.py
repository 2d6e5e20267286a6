""" "Two CLIP encoders": one CLIP with a bridge and projections per stream, joined by a Linear; one LoRA of rank 32."""

_base_ = ["hi_lora.py"]

neck = dict(_delete_=True, type="LinearFusion", width=512)
model = dict(guides=dict(per_stream=True), projections_per_stream=("level_proj", "image_proj"))
load_from = "pretrain_weights/hivg_b16_mixup_two_encoders.pth"  # docs/experiments.md says how it is made
