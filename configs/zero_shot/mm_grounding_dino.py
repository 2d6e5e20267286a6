"""MM-Grounding-DINO as it is; `weights` takes its other sizes and training sets too."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/zero_shot.py",
    "../_base_/runtime/default.py",
]

weights = "pretrain_weights/mm_grounding_dino_tiny_o365v1_goldg_v3det"  # folder of the model
general = dict(type="MMGroundingDINO", weights="$weights")
