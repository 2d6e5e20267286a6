"""RGBT-VGNet v3: v2 whose streams are joined by three priors (TPF); its authors' recipe, one rate throughout."""

_base_ = ["rgbt_vgnet_b16.py"]

stages = [
    dict(epochs=60, lr=1e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5),
    dict(epochs=20, lr=1e-4, max_layer=8),
    dict(epochs=20, lr=1e-4, max_layer=12),
]
load_from = "pretrain_weights/hivg_b16_mixup_merged.pth"  # docs/experiments.md says how it is made
neck = dict(_delete_=True, type="TriPrior", width=512)
