"""A Dynamic-MDETR small enough to train from scratch on a laptop, on the synthetic set."""

_base_ = [
    "../_base_/models/transvg_tiny.py",
    "../_base_/pipelines/synthetic_padded.py",
    "../_base_/schedules/adamw_step_tiny.py",
    "../_base_/runtime/default.py",
]

model = dict(
    type="DynamicMDETR",
    decoder=dict(type="DynamicDecoder", width=96, num_points=9, num_stages=3, num_heads=4, ffn_width=192, dropout=0.0),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
