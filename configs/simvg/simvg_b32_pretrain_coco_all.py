"""SimVG, pre-training on RefCOCO, RefCOCO+ and RefCOCOg together, 512 px."""

_base_ = ["simvg_b32_pretrain.py"]

data = "seqtr/coco_all"
