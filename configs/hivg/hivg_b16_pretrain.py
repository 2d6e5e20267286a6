"""HiVG-B, mixed pre-training on RefCOCO, RefCOCO+, RefCOCOg (UMD), ReferIt and Flickr30k, RGB.

Each stage continues from the last weights of the previous one. ``--cfg-options data=mixup_file`` reads the published
file of the mixture instead of the five datasets.
"""

_base_ = ["hivg_b16.py"]

data = "mixup"
modality = "rgb"
stage_mode = "in_process"
batch_size = 64
stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5, text_max_layer=12),
    dict(epochs=20, lr=5e-5, max_layer=8, text_max_layer=12),
    dict(epochs=20, lr=2e-5, max_layer=12),
]
guide = dict(num_text_levels=0)
model = dict(text_encoder=dict(out_levels=()))
