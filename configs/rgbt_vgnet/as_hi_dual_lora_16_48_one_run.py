"""v1 with ranks 16 and 48 in one run with one cosine."""

_base_ = ["as_hi_dual_lora_16_48.py"]

stage_mode = "one_schedule"
stages = [dict(epochs=epochs, lr=2.5e-4, max_layer=layer) for epochs, layer in ((60, 0), (20, 5), (20, 8), (20, 12))]
