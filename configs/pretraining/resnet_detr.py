"""The miniature ResNet with an encoder of DETR: categories, colours and boxes of the synthetic pre-training set."""

_base_ = ["../_base_/loaders/pretraining.py", "../_base_/miniatures/resnet_detr.py", "../_base_/runtime/default.py"]

resnet_detr = None
image_size = 128
max_epochs = 5
lr = 2e-3
model = dict(
    type="DetectionPretraining",
    data_preprocessor="$data_preprocessor",
    image_encoder="$resnet_image",
    num_categories=7,
    num_colours=7,
    hidden_width=96,
    absolute=True,
)
default_hooks = dict(checkpoint=dict(save_best=None))
