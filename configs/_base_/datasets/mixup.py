"""The classic mixture without a file of its own: RefCOCO, RefCOCO+, RefCOCOg (UMD), ReferIt and Flickr30k, 802647 rows.

Validation and test are those of RefCOCOg, as in the published files. `source_weights` says how often a source comes,
1 being once per epoch: ``--cfg-options "source_weights={'flickr': 0.2}"``.
"""

dataset = "mixup"
data_root = "data"
split_root = "data/splits"
modality = "rgb"
statistics = "imagenet"
source_weights = {}

train_dataloader = dict(
    sampler=dict(_delete_=True, type="MixtureSampler", weights="$source_weights"),
    dataset=dict(
        _delete_=True,
        type="DatasetMixture",
        dataset="$dataset",
        sources={
            "unc": dict(type="RefCOCO", dataset="unc", split="train"),
            "unc+": dict(type="RefCOCO", dataset="unc+", split="train"),
            "gref_umd": dict(type="RefCOCO", dataset="gref_umd", split="train"),
            "referit": dict(type="ReferItGame", dataset="referit", split="train"),
            "flickr": dict(type="Flickr30kEntities", dataset="flickr", split="train"),
        },
        data_root="$data_root",
        split_root="$split_root",
        modality="$modality",
        pipeline="$train_pipeline",
    ),
)
val_dataloader = dict(dataset=dict(type="RefCOCO", dataset="gref_umd"))
test_dataloader = dict(dataset=dict(type="RefCOCO", dataset="gref_umd", split=["val", "test"]))
