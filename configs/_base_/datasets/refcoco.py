"""RefCOCO in the .pth files of TransVG, CLIP-VG and HiVG: 120624 expressions, val 10834, testA 5657, testB 5095."""

dataset = "unc"
data_root = "data"
split_root = "data/splits"
modality = "rgb"
statistics = "imagenet"

train_dataloader = dict(dataset=dict(type="RefCOCO", with_masks="$with_masks"))
val_dataloader = dict(dataset=dict(type="RefCOCO", with_masks="$with_masks"))
test_dataloader = dict(dataset=dict(type="RefCOCO", with_masks="$with_masks", split=["val", "testA", "testB"]))
