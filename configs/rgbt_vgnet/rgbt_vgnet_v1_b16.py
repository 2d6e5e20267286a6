"""RGBT-VGNet v1: the bridge of HiVG shared by both streams, two LoRAs of rank 32 on it and on CLIP, RGB's for text."""

_base_ = ["rgbt_vgnet_b16.py"]

guide = dict(_delete_=True, type="CrossModalBridge")
adapter = dict(groups=dict(rgb=dict(rank=32), ir=dict(rank=32)), targets="all_attention")
model = dict(guides=dict(per_stream=False), stream_exchange=False)
