"""RGBT-VGNet v2 on CLIP ViT-B/16: a LoRA per stream (ranks 16 and 48), text-guided attention and exchange (LAVS).

Training starts from HiVG's merged mixed pre-training: a warm-up with CLIP frozen, then LoRA in a growing number of
layers of both encoders.
"""

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
