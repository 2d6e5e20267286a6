"""A vision-language model in small, from the miniature Qwen3-VL, all of which learns: boxes are written as text."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/miniatures/qwen3_vl.py",
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
max_epochs = 6
lr = 2e-3
optim_wrapper = dict(optimizer=dict(betas=(0.9, 0.98)))
val_dataloader = dict(batch_size=100)  # answers are generated token by token: a large batch costs little more
test_dataloader = dict(batch_size=100)
