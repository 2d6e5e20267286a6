"""SimVG's "coco_all" without a file of its own: RefCOCO, RefCOCO+ and RefCOCOg (UMD), 321327 sentences.

RefCOCOg by Google's split is not in it: its training images are in the test parts of the others.
"""

dataset = "coco_all"
data_root = "data"
split_root = "data/annotations"
modality = "rgb"
statistics = "imagenet"
sentences = "drawn"
source_weights = {}

rows = dict(
    data_root="$data_root",
    split_root="$split_root",
    modality="$modality",
    with_masks="$with_masks",
)
train_dataloader = dict(
    sampler=dict(_delete_=True, type="MixtureSampler", weights="$source_weights"),
    dataset=dict(
        rows,
        _delete_=True,
        type="DatasetMixture",
        dataset="$dataset",
        sources={
            "unc": dict(type="SeqTRInstances", dataset="unc", split="train"),
            "unc+": dict(type="SeqTRInstances", dataset="unc+", split="train"),
            "gref_umd": dict(type="SeqTRInstances", dataset="gref_umd", split="train"),
        },
        sentences="$sentences",
        pipeline="$train_pipeline",
    ),
)
val_dataloader = dict(
    dataset=dict(
        rows,
        _delete_=True,
        type="DatasetMixture",
        dataset="$dataset",
        sources={
            "unc": dict(type="SeqTRInstances", dataset="unc", split="val"),
            "unc+": dict(type="SeqTRInstances", dataset="unc+", split="val"),
            "gref_umd": dict(type="SeqTRInstances", dataset="gref_umd", split="val"),
        },
        pipeline="$test_pipeline",
        test_mode=True,
    )
)
test_dataloader = dict(
    dataset=dict(
        rows,
        _delete_=True,
        type="DatasetMixture",
        dataset="$dataset",
        sources={
            "unc": dict(type="SeqTRInstances", dataset="unc", split=["val", "testA", "testB"]),
            "unc+": dict(type="SeqTRInstances", dataset="unc+", split=["val", "testA", "testB"]),
            "gref_umd": dict(type="SeqTRInstances", dataset="gref_umd", split=["val", "test"]),
        },
        pipeline="$test_pipeline",
        test_mode=True,
    )
)
del rows
