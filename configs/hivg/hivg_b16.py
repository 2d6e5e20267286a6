"""HiVG on CLIP ViT-B/16, starting from CLIP: bridges and one LoRA of rank 32, unfrozen in stages.

The warm-up trains the bridges (with LoRA of their own) and keeps CLIP frozen. Three more stages train LoRA in the first
5, 8 and 12 layers of the image encoder and in all layers of the text encoder (HiVG, section 3.3).
"""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/hivg.py",
    "../_base_/schedules/adamw_staged.py",
    "../_base_/runtime/default.py",
]

tokenizer = "$clip"
max_length = 77
stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5, text_max_layer=12),
    dict(epochs=20, lr=5e-5, max_layer=8, text_max_layer=12),
    dict(epochs=20, lr=2.5e-5, max_layer=12),
]
