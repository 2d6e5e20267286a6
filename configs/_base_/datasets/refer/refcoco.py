"""RefCOCO as its own authors released it: data/refer/refcoco/{refs(unc).p,instances.json}, the counts of the .pth."""

dataset = "unc"
data_root = "data"
split_root = "data/refer"
modality = "rgb"
statistics = "imagenet"
folder = "refcoco"
refs = "refs(unc).p"

train_dataloader = dict(dataset=dict(type="COCORefs", folder="$folder", refs="$refs", with_masks="$with_masks"))
val_dataloader = dict(dataset=dict(type="COCORefs", folder="$folder", refs="$refs", with_masks="$with_masks"))
test_dataloader = dict(
    dataset=dict(
        type="COCORefs", folder="$folder", refs="$refs", with_masks="$with_masks", split=["val", "testA", "testB"]
    )
)
