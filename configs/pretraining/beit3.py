"""The miniature BEiT-3: objects and masked words of images with captions of the synthetic pre-training set."""

_base_ = ["../_base_/loaders/pretraining.py", "../_base_/miniatures/beit3.py", "../_base_/runtime/default.py"]

image_size = 96
max_epochs = 10
model = dict(
    type="PairPretraining",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(
        type="BEiT3",
        arch="$beit3_arch",
        image_size="$image_size",
        patch_size=12,
        stem_widths="$beit3_stem",
        vocab_size=2000,
        max_words=32,
        drop_path_rate=0.0,
    ),
    vocab_size=2000,
    mask_id=1971,
    num_categories=7,
    num_colours=7,
    hidden_width=96,
    absolute=True,
)
default_hooks = dict(checkpoint=dict(save_best=None))
