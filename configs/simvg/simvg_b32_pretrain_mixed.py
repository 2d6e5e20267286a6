"""SimVG, pre-training on five sets together, 640 px; ``--cfg-options data=seqtr/mixed_vg`` adds Visual Genome."""

_base_ = ["simvg_b32_pretrain.py"]

data = "seqtr/mixed"
image_size = 640
