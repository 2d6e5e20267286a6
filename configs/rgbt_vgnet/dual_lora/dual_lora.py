"""v1 starting from un-merged pre-training, with LoRA in all layers at once after the warm-up."""

_base_ = ["../rgbt_vgnet_v1_b16.py"]

load_from = "pretrain_weights/hivg_b16_mixup_split_rgbt.pth"  # see docs/experiments.md
stages = [dict(epochs=60, lr=5e-4, max_layer=0), dict(epochs=60, lr=1e-4, max_layer=12)]
