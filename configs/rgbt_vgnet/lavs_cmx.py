"""v2 without LAVS, streams joined by CMX."""

_base_ = ["rgbt_vgnet_b16.py"]

guide = None
neck = dict(_delete_=True, type="CMX", width=512)
model = dict(stream_exchange=False)
