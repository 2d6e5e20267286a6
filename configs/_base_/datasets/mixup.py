"""The classic mixture without a file of its own: RefCOCO, RefCOCO+, RefCOCOg (UMD), ReferIt and Flickr30k, 802647 rows.

Validation and test are those of RefCOCOg, as in the published files.
"""

_base_ = ["mixture.py"]

dataset = "mixup"
data_root = "data"
split_root = "data/splits"
modality = "rgb"
statistics = "imagenet"

train_dataloader = dict(
    dataset=dict(
        sources={
            "unc": dict(type="RefCOCO", dataset="unc", split="train"),
            "unc+": dict(type="RefCOCO", dataset="unc+", split="train"),
            "gref_umd": dict(type="RefCOCO", dataset="gref_umd", split="train"),
            "referit": dict(type="ReferItGame", dataset="referit", split="train"),
            "flickr": dict(type="Flickr30kEntities", dataset="flickr", split="train"),
        }
    )
)
val_dataloader = dict(dataset=dict(type="RefCOCO", dataset="gref_umd"))
test_dataloader = dict(dataset=dict(type="RefCOCO", dataset="gref_umd", split=["val", "test"]))
