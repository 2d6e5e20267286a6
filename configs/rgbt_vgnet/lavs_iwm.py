"""v2 without LAVS, streams joined by IWM."""

_base_ = ["rgbt_vgnet_b16.py"]

guide = None
neck = dict(_delete_=True, type="IlluminationWeighted", num_levels=5)
model = dict(stream_exchange=False)
