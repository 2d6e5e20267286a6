"""HiVG-L from its authors' checkpoint of mixed pre-training: the benchmark's recipe."""

_base_ = ["hivg_l14.py"]

load_from = "pretrain_weights/hivg_l14_mixup_rgbt.pth"  # see docs/experiments.md
stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=0.4, text_max_layer=12),
    dict(epochs=20, lr=5e-5, max_layer=0.66, text_max_layer=12),
    dict(epochs=20, lr=2.5e-5, max_layer=1.0),
]
guide = dict(num_text_levels=0)
model = dict(text_encoder=dict(out_levels=()))
