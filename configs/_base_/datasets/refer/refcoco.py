"""RefCOCO as its own authors released it: data/refer/refcoco/{refs(unc).p,instances.json}, the counts of the .pth."""

dataset = "unc"
data_root = "data"
split_root = "data/refer"
modality = "rgb"
statistics = "imagenet"
folder = "refcoco"
refs = "refs(unc).p"

rows = dict(type="COCORefs", folder="$folder", refs="$refs", with_masks="$with_masks")
train_dataloader = dict(dataset=dict(rows))
val_dataloader = dict(dataset=dict(rows))
test_dataloader = dict(dataset=dict(rows, split=["val", "testA", "testB"]))
del rows
