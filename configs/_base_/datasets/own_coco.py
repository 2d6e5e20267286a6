"""Expressions of one's own beside COCO annotations, ``data_root`` has all: {refs,instances}.json, rgb/ and ir/."""

dataset = "own"
data_root = "data/own"
image_folders = dict(rgb="rgb", ir="ir")
statistics = "imagenet"  # or what tools/data/measure_statistics.py prints for it

rows = dict(
    type="COCORefs", split_root="$data_root", folder="", with_masks="$with_masks", image_folders="$image_folders"
)
train_dataloader = dict(dataset=dict(rows))
val_dataloader = dict(dataset=dict(rows))
test_dataloader = dict(dataset=dict(rows))
del rows
