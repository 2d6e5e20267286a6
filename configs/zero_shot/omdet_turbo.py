"""OmDet-Turbo as it is."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/zero_shot.py",
    "../_base_/runtime/default.py",
]

weights = "pretrain_weights/omdet-turbo-swin-tiny"  # folder of the model
general = dict(type="OmDetTurbo", weights="$weights")
