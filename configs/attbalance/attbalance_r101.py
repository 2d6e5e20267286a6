"""AttBalance on TransVG-R101."""

_base_ = ["attbalance_r50.py"]

model = dict(image_encoder=dict(depth=101, pretrained="pretrain_weights/detr-r101.pth"))
