"""HiVG-B from mixed pre-training, RGB alone."""

_base_ = ["hivg_b16_mixup.py"]

modality = "rgb"
load_from = "pretrain_weights/hivg_b16_mixup.pth"
