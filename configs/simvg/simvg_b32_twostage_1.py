"""SimVG, first of two stages: the decoder branch alone, with an average of the weights."""

_base_ = ["simvg_b32.py"]

batch_size = 16
answer = "decoder"
model = dict(head=dict(token_weight=0.0, distill_weight=0.0))
custom_hooks = [dict(type="EMAHook", ema_type="WarmUpEMA", momentum=0.001, update_buffers=True)]
