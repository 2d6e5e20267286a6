"""CLIP-VG as its authors released it: four layers of CLIP side by side, its position table learning, cosine."""

_base_ = ["clip_vg_b16.py"]

lr = 2.5e-4
param_scheduler = [dict(type="CosineAnnealingLR", by_epoch=True, T_max="$max_epochs", eta_min=0.0)]
model = dict(
    image_encoder=dict(out_levels=(1, 4, 8, 12), project_tokens=False),
    learn_image_positions=True,
)
