"""v2 without LAVS, streams joined by AVG."""

_base_ = ["rgbt_vgnet_b16.py"]

guide = None
neck = dict(_delete_=True, type="AverageStreams")
model = dict(stream_exchange=False)
