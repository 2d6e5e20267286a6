"""The small SimVG, first of two stages: the decoder branch alone."""

_base_ = ["simvg_tiny.py"]

answer = "decoder"
model = dict(head=dict(token_weight=0.0, distill_weight=0.0))
custom_hooks = [dict(type="EMAHook", ema_type="WarmUpEMA", momentum=0.001, update_buffers=True)]
