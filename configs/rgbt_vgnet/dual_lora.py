"""v1 with two LoRAs opened in all layers at once after the warm-up."""

_base_ = ["hi_dual_lora_text_rgb.py"]

stages = [dict(epochs=60, lr=5e-4, max_layer=0), dict(epochs=60, lr=1e-4, max_layer=12)]
