"""MMCA on ResNet-50: TransVG's encoders and the RGB-T benchmark's recipe for it, with clipped gradients.

Both encoders learn ten times slower, the side paths inside the image encoder too.
"""

_base_ = ["../transvg/transvg_r50.py"]

model = dict(type="MMCA")
optim_wrapper = dict(clip_grad=dict(max_norm=0.1))
