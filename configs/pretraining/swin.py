"""The miniature Swin with lateral convolutions: categories, colours and boxes of the synthetic pre-training set."""

_base_ = ["../_base_/loaders/pretraining.py", "../_base_/miniatures/swin.py", "../_base_/runtime/default.py"]

swin = None
image_size = 128
max_epochs = 6
lr = 2e-3
model = dict(
    type="DetectionPretraining",
    data_preprocessor="$data_preprocessor",
    image_encoder="$swin_image",
    num_categories=7,
    num_colours=7,
)
default_hooks = dict(checkpoint=dict(save_best=None))
