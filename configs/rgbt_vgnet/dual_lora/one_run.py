"""v1 in one run with one cosine schedule, instead of stages that start from each other's best weights."""

_base_ = ["../rgbt_vgnet_v1_b16.py"]

stage_mode = "one_schedule"
stages = [dict(epochs=epochs, lr=2.5e-4, max_layer=layer) for epochs, layer in ((60, 0), (20, 5), (20, 8), (20, 12))]
