"""SimVG's merged file as it is: mixed/instances.json, about 174000 images, Visual Genome among them."""

_base_ = ["refcoco.py"]

dataset = "simvg_mixed"
val_splits = [
    "val_refcoco_unc",
    "val_refcocoplus_unc",
    "val_refcocog_umd",
    "val_referitgame_berkeley",
    "val_flickr30k",
]
val_dataloader = dict(dataset=dict(split="$val_splits"))
test_dataloader = dict(dataset=dict(split="$val_splits"))
