"""OneRef's pre-training by masked patches and words on the mixture; the tower is trained, boxes are not regressed.

The authors train the heads on a frozen tower first: ``--cfg-options frozen=True max_epochs=10 batch_size=64
lr=2.5e-4``.
"""

_base_ = ["oneref_b16.py"]

dataset = "rgbtvg_mixup"
box_weight = 0.0
region_weight = 1.0
max_epochs = 100
lr = 5e-5
codebook = dict(
    type="VQKDTokenizer",
    image_size="$image_size",
    statistics="$statistics",
    thermal_normalisation="$thermal_normalisation",
    pretrained="pretrain_weights/vqkd_encoder_base_decoder_3x768x12_clip-d5036aa7.pth",
)
find_unused_parameters = True

random_resize = dict(scale_steps=6)
train_pipeline = [
    "$load_images",
    "$thermal_validity",
    dict(type="CheckBoxes"),
    "$random_crop",
    "$random_resize",
    dict(type="ColorJitter"),
    "$random_pad",
    "$tokenize",
    dict(type="MarkKeyWords", tokenizer="$tokenizer"),
    dict(type="PackGroundingInputs"),
]

model = dict(
    backbone=dict(mask_token=True),
    pretraining=dict(type="MRefMHead", codebook="$codebook"),
)
