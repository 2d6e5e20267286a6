"""The ResNet with an encoder of DETR that is pre-trained in minutes, and what methods built on it start from."""

resnet_detr = "pretrain_weights/miniature/resnet_detr.safetensors"
resnet_image = dict(
    type="ResNetDETR",
    depth=26,
    stem_width=8,
    dilation=True,
    width=96,
    num_layers=1,
    num_heads=4,
    ffn_width=192,
    dropout=0.0,
    pretrained="$resnet_detr",
)
