"""The miniature Qwen3-VL: boxes of the expressions of the synthetic pre-training set, in RGB, from random weights."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/miniatures/qwen.py",
    "../_base_/schedules/adamw_lora.py",
    "../_base_/runtime/default.py",
]

data = "json_lines"
dataset = "rgbtvg_synthetic_pretraining"
data_root = "data/synthetic_pretraining"
split_root = "data/synthetic_pretraining"
modality = "rgb"
weights = "work_dirs/miniatures/qwen_start"
batch_size = 16
train_pipeline = ["$load_images", "$thermal_validity", dict(type="HorizontalFlip"), dict(type="PackGroundingInputs")]
num_workers = 0
max_epochs = 1
lr = 2e-3
train_dataloader = dict(dataset=dict(split="expressions_train"))
val_dataloader = dict(dataset=dict(split="expressions_val", indices=400))
test_dataloader = dict(dataset=dict(split="expressions_val"))
optim_wrapper = dict(optimizer=dict(betas=(0.9, 0.98)))
# The rate of the first of three epochs: it ends at three quarters.
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=100, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=True, begin=0, end=3, T_max=3, eta_min=0.0, convert_to_iter_based=True),
]
