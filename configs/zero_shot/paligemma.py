"""PaliGemma as it is; the mix models know detect, the pt models need training."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/zero_shot.py",
    "../_base_/runtime/default.py",
]

weights = "pretrain_weights/paligemma2-3b-mix-448"  # folder of the model
general = dict(type="PaliGemma", weights="$weights")
