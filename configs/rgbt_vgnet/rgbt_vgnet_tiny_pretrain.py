"""What the tiny RGBT-VGNet's comparison of adapters begins with: all of it trained on RGB pairs of the synthetic set.

No adapter and no guide yet, as a CLIP with grounding has none.
"""

_base_ = ["rgbt_vgnet_tiny.py"]

modality = "rgb"
guide = None
adapter = None
stages = [dict(epochs=8, lr=2e-3, max_layer=3)]
model = dict(stream_exchange=False)
