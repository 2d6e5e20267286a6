"""The Swin with lateral convolutions that is pre-trained in minutes, and what methods built on it start from."""

swin = "pretrain_weights/miniature/swin.safetensors"
swin_image = dict(
    type="SwinPyramid",
    arch=dict(width=16, depths=(1, 1, 2, 1), heads=(1, 2, 4, 8), window=4),
    width=96,
    drop_path=0.0,
    pretrained="$swin",
)
