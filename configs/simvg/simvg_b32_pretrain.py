"""SimVG, pre-training on a mixture: the decoder branch alone at 512 px, images as they are."""

_base_ = ["simvg_b32.py"]

dataset = "rgbtvg_mixup"
image_size = 512
zoom = (1.0, 1.0)
milestones = [20, 26]
answer = "decoder"
model = dict(head=dict(token_weight=0.0, distill_weight=0.0))
