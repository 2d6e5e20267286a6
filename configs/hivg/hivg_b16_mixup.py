"""HiVG-B from its authors' checkpoint of mixed pre-training (RefCOCO/+/g, ReferIt, Flickr30k): the benchmark's HiVG
rows.

The state after each stage is a row: warm-up, stages 1 and 2, final.
"""

_base_ = ["hivg_b16.py"]

load_from = "pretrain_weights/hivg_b16_mixup_rgbt.pth"  # docs/experiments.md says how it is made
guide = dict(num_text_levels=0)
model = dict(text_encoder=dict(out_levels=()))
