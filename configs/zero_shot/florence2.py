"""Florence-2 as it is, in the layout of transformers (not the original one with code in it)."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/zero_shot.py",
    "../_base_/runtime/default.py",
]

weights = "pretrain_weights/Florence-2-large"  # folder of the model
general = dict(type="Florence2", weights="$weights")
