"""OneRef for segmentation: the mask head and its losses alone, on expressions that refer to exactly one object."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded_beit3.py",
    "../_base_/models/oneref.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/runtime/default.py",
]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
targets = "one"
with_masks = True
max_epochs = 20
lr = 3e-5
box_weight = 0.0
region_weight = 0.0
find_unused_parameters = True
train_pipeline = [
    "$load_images",
    "$thermal_validity",
    dict(type="CheckBoxes"),
    dict(type="LoadMasks"),
    "$random_crop",
    "$random_resize",
    dict(type="ColorJitter"),
    "$random_pad",
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_evaluator = [dict(type="MaskMetric")]
test_evaluator = [dict(type="MaskMetric")]
model = dict(mask_head=dict(type="ReferringMaskHead"))
default_hooks = dict(checkpoint=dict(save_best="mask/miou"))
