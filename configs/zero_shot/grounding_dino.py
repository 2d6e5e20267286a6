"""Grounding DINO as it is; `weights` also takes grounding-dino-tiny."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/zero_shot.py",
    "../_base_/runtime/default.py",
]

weights = "pretrain_weights/grounding-dino-base"  # folder of the model
general = dict(type="GroundingDINO", weights="$weights")
