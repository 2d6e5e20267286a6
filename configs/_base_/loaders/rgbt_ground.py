"""Dataloaders, preprocessing and metrics for RGBT-Ground.

Rows of train, val and test: FLIR 7000, 608, 2130; M3FD 4000, 181, 4177 or fewer; MFAD 16000, 1256, 4250. `dataset`
selects one of them and `modality` the streams. ``data = "refcoco_plus"`` (a file of `_base_/datasets`) reads another
dataset with the same loaders.
"""

dataset = "rgbtvg_flir"  # or rgbtvg_m3fd, rgbtvg_mfad, rgbtvg_mixup
data_root = "data/rgbt_ground"
split_root = "data/rgbt_ground/splits"
modality = "rgbt"
statistics = "$dataset"  # or the output of tools/data/measure_statistics.py for other data
box_format = None  # "xywh", "xyxy", "cxcywh" or "yxyx" for files with another order than their format prescribes
box_unit = "pixel"  # "fraction", "percent" or "thousandth" of the image
leave_out = None  # dropped.jsonl of tools/data/check.py, or several lists: rows that training leaves out
with_masks = False  # read the masks of datasets that have them
batch_size = 32
num_workers = 4
persistent_workers = True
thermal_normalisation = "dataset"  # "percentile", "clahe": docs/thermal.md
thermal_range = "image"  # (low, high) mapped to black and white for thermal images of more than 8 bits
draft_size = None  # e.g. 448 decodes JPEG at reduced scale in training: faster, not pixel-exact

data_preprocessor = dict(
    type="GroundingPreprocessor",
    modality="$modality",
    statistics="$statistics",
    thermal_normalisation="$thermal_normalisation",
)
load_images = dict(
    type="LoadImages",
    modality="$modality",
    thermal_normalisation="$thermal_normalisation",
    thermal_range="$thermal_range",
    draft_size="$draft_size",
)
load_images_exactly = dict(
    type="LoadImages",
    modality="$modality",
    thermal_normalisation="$thermal_normalisation",
    thermal_range="$thermal_range",
)
thermal_validity = dict(type="ThermalValidity", source=None)  # "borders", "constant", "file": docs/thermal.md

rows = dict(
    type="RGBTGround",
    dataset="$dataset",
    data_root="$data_root",
    split_root="$split_root",
    modality="$modality",
    box_format="$box_format",
    box_unit="$box_unit",
)
loader = dict(
    batch_size="$batch_size",
    num_workers="$num_workers",
    persistent_workers="$persistent_workers",
    collate_fn=dict(type="collate_grounding"),
)
in_order = dict(type="DefaultSampler", shuffle=False, round_up=False)
train_dataloader = dict(
    loader,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(rows, split="train", pipeline="$train_pipeline", leave_out="$leave_out"),
)
val_dataloader = dict(
    loader, sampler=in_order, dataset=dict(rows, split="val", pipeline="$test_pipeline", test_mode=True)
)
# One pass scores every split, condition and subset: each record names its own.
test_dataloader = dict(
    loader, sampler=in_order, dataset=dict(rows, split=["val", "test"], pipeline="$test_pipeline", test_mode=True)
)
del rows, loader, in_order

val_evaluator = dict(type="GroundingMetric", brief=True)
test_evaluator = dict(type="GroundingMetric")
