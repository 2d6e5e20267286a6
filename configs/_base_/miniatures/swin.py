"""The Swin with lateral convolutions that is pre-trained in minutes, and what methods built on it start from.

Three stages: the tokens are at strides of 16 and 32.
"""

swin = "pretrain_weights/miniature/swin.safetensors"
swin_image = dict(
    type="SwinPyramid",
    arch=dict(width=24, depths=(1, 2, 2), heads=(1, 2, 4), window=4),
    width=96,
    drop_path=0.0,
    pretrained="$swin",
)
