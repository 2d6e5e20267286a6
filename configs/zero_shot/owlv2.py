"""OWLv2 as it is."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/zero_shot.py",
    "../_base_/runtime/default.py",
]

weights = "pretrain_weights/owlv2-large-patch14-ensemble"  # folder of the model
general = dict(type="OWLv2", weights="$weights")
