"""The miniature CLIP: pictures and captions of the synthetic pre-training set, by contrast."""

_base_ = ["../_base_/loaders/pretraining.py", "../_base_/miniatures/clip.py", "../_base_/runtime/default.py"]

clip = None
batch_size = 128
max_epochs = 12
lr = 2e-3
model = dict(
    type="ContrastivePretraining",
    data_preprocessor="$data_preprocessor",
    image_encoder="$clip_image",
    text_encoder="$clip_text",
)
default_hooks = dict(checkpoint=dict(save_best=None))
