"""v1 with a LoRA for thermal alone; RGB and text run plain CLIP."""

_base_ = ["rgbt_vgnet_v1_b16.py"]

adapter = dict(groups=dict(_delete_=True, ir=dict(rank=32, streams=("ir",))))
