"""v3 with another way of joining the streams: weighted by lighting; our definition."""

_base_ = ["rgbt_vgnet_v3_b16.py"]

neck = dict(_delete_=True, type="IlluminationWeighted", num_levels=5)
