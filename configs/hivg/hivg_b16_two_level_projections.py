"""HiVG-B with a second projection of the levels for thermal."""

_base_ = ["hivg_b16_mixup.py"]

model = dict(projections_per_stream=("level_proj",))
