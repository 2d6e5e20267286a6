"""v1 with ranks 32 and 32 in one run with one cosine, instead of stages that feed each other."""

_base_ = ["hi_dual_lora_merged.py"]

stage_mode = "one_schedule"
stages = [dict(epochs=epochs, lr=2.5e-4, max_layer=layer) for epochs, layer in ((60, 0), (20, 5), (20, 8), (20, 12))]
