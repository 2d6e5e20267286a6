"""HiVG-B with a second projection of the levels for thermal."""

_base_ = ["hivg_b16_mixup.py"]

load_from = "pretrain_weights/hivg_b16_mixup_two_level_projections.pth"  # see docs/experiments.md
model = dict(projections_per_stream=("level_proj",))
