"""AttBalance on TransVG-R50: its attention losses with every defect of the reference corrected.

The RGB-T benchmark trains at one rate of 1e-5 for 110 epochs with batches of 8.
"""

_base_ = ["../transvg/transvg_r50.py"]

lr = 1e-5
batch_size = 8
model = dict(attention_balance=dict())
optim_wrapper = dict(paramwise_cfg=dict(_delete_=True))
auto_scale_lr = dict(base_batch_size=8)
