"""RGBT-VGNet v1: HiVG's bridge shared by both streams, and a LoRA of rank 32 per stream; text uses the RGB one."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/rgbt_vgnet.py",
    "../_base_/schedules/adamw_staged.py",
    "../_base_/runtime/default.py",
]

tokenizer = "$clip"
max_length = 77
load_from = "pretrain_weights/hivg_b16_mixup_merged_rgbt.pth"  # see docs/experiments.md
stages = [
    dict(epochs=60, lr=5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5),
    dict(epochs=20, lr=2e-5, max_layer=8),
    dict(epochs=20, lr=5e-6, max_layer=12),
]

guide = dict(_delete_=True, type="CrossModalBridge")
adapter = dict(groups=dict(rgb=dict(rank=32), ir=dict(rank=32)), targets="all_attention")
model = dict(guides=dict(per_stream=False), stream_exchange=False)
