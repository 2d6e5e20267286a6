"""For checkpoints of FSVG that the RGB-T benchmark released."""

_base_ = ["fsvg_b16_benchmark.py"]

rgbt_resize = "premultiplied"
