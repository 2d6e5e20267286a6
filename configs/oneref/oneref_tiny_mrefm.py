"""The small OneRef's pre-training; the image tokenizer is a fixed random projection."""

_base_ = ["oneref_tiny.py"]

box_weight = 0.0
codebook = dict(
    type="VQKDTokenizer",
    arch=dict(width=48, layers=1, heads=2),
    image_size="$image_size",
    patch_size=12,
    thermal_normalisation="$thermal_normalisation",
    num_codes=64,
    code_width=8,
)
find_unused_parameters = True
model = dict(
    backbone=dict(mask_token=True),
    pretraining=dict(type="MRefMHead", codebook="$codebook", vocab_size=512, mask_id=511),
)
