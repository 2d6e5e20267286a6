"""Tiny Dynamic-MDETR that trains from scratch on the synthetic set on a laptop."""

_base_ = ["../transvg/transvg_tiny.py"]

model = dict(
    type="DynamicMDETR",
    decoder=dict(type="DynamicDecoder", width=96, num_points=9, num_stages=3, num_heads=4, ffn_width=192, dropout=0.0),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
