"""Sentences of one's own beside COCO annotations: data/own/{refs,instances}.json, pictures in data/own/{rgb,ir}/."""

dataset = "own"
data_root = "data/own"
split_root = "data"
image_folders = dict(rgb="rgb", ir="ir")
statistics = "imagenet"  # or what tools/data/statistics.py prints for it

train_dataloader = dict(
    dataset=dict(type="COCORefs", with_masks="$with_masks", image_folders="$image_folders"),
)
val_dataloader = dict(
    dataset=dict(type="COCORefs", with_masks="$with_masks", image_folders="$image_folders"),
)
test_dataloader = dict(
    dataset=dict(type="COCORefs", with_masks="$with_masks", image_folders="$image_folders"),
)
