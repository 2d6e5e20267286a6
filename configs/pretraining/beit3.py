"""The miniature BEiT-3: OneRef's masked patches and words on expressions of the synthetic pre-training set.

Boxes are not regressed. The image tokenizer is a fixed random projection.
"""

_base_ = ["../_base_/loaders/pretraining.py", "../_base_/miniatures/beit3.py", "../_base_/runtime/default.py"]

image_size = 96
max_epochs = 8
codebook = dict(
    type="VQKDTokenizer",
    arch=dict(width=48, layers=1, heads=2),
    image_size="$image_size",
    patch_size=12,
    num_codes=64,
    code_width=8,
)
find_unused_parameters = True
model = dict(
    type="OneRef",
    modality="rgb",
    data_preprocessor="$data_preprocessor",
    backbone=dict(
        type="BEiT3",
        arch="$beit3_arch",
        image_size="$image_size",
        patch_size=12,
        vocab_size=2000,
        max_words=32,
        drop_path_rate=0.0,
        mask_token=True,
    ),
    head=dict(type="ReferringHead", box_weight=0.0, region_weight=1.0, contrastive_weight=1.0),
    pretraining=dict(type="MRefMHead", codebook="$codebook", vocab_size=2000, mask_id=1971, easy_after=10**9),
)
train_dataloader = dict(dataset=dict(split="expressions_train"))
val_dataloader = dict(dataset=dict(split="expressions_val"))
default_hooks = dict(checkpoint=dict(save_best=None))
