"""HiVG-B from the released checkpoint of mixed pre-training (RefCOCO/+/g, ReferIt, Flickr30k): the benchmark's rows.

`hivg_b16_pretrain.py` trains such a checkpoint.
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
load_from = "pretrain_weights/hivg_b16_mixup_rgbt.pth"  # see docs/experiments.md
stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5, text_max_layer=12),
    dict(epochs=20, lr=5e-5, max_layer=8, text_max_layer=12),
    dict(epochs=20, lr=2.5e-5, max_layer=12),
]
guide = dict(num_text_levels=0)
model = dict(text_encoder=dict(out_levels=()))
