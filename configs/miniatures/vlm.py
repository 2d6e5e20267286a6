"""A vision-language model in small, from the miniature Qwen3-VL, all of which learns: boxes are written as text."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/miniatures/qwen.py",
    "../_base_/schedules/adamw_lora.py",
    "../_base_/runtime/default.py",
]

data = "synthetic"
max_pixels = 64 * 64  # 64 by 48, in patches of 8
batch_size = 16
train_pipeline = ["$load_images", "$thermal_validity", dict(type="HorizontalFlip"), dict(type="PackGroundingInputs")]
thermal = "residual"
thermal_rank = 16
thermal_layers = (0, 1, 2)
max_epochs = 4
lr = 2e-3
# The rate of the first four of six epochs: it ends at a quarter.
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, begin=0, end=100, start_factor=0.01),
    dict(type="CosineAnnealingLR", by_epoch=True, begin=0, end=6, T_max=6, eta_min=0.0, convert_to_iter_based=True),
]
optim_wrapper = dict(optimizer=dict(betas=(0.9, 0.98)))
val_dataloader = dict(batch_size=100)  # answers are generated token by token: a large batch costs little more
test_dataloader = dict(batch_size=100)
