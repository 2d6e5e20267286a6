"""SimVG's "coco_all" without a file of its own: RefCOCO, RefCOCO+ and RefCOCOg (UMD), 321327 sentences.

RefCOCOg by Google's split is not in it: its training images are in the test parts of the others.
"""

_base_ = ["../mixture.py"]

dataset = "coco_all"
data_root = "data"
split_root = "data/annotations"
modality = "rgb"
statistics = "imagenet"
sentences = "drawn"

# Source -> its test parts.
test_splits = {
    "unc": ["val", "testA", "testB"],
    "unc+": ["val", "testA", "testB"],
    "gref_umd": ["val", "test"],
}
evaluated = dict(
    _delete_=True,
    type="DatasetMixture",
    dataset="$dataset",
    data_root="$data_root",
    split_root="$split_root",
    modality="$modality",
    with_masks="$with_masks",
    pipeline="$test_pipeline",
    test_mode=True,
)
train_dataloader = dict(
    dataset=dict(
        sources={name: dict(type="SeqTRInstances", dataset=name, split="train") for name in test_splits},
        sentences="$sentences",
        with_masks="$with_masks",
    )
)
val_dataloader = dict(
    dataset=dict(
        evaluated, sources={name: dict(type="SeqTRInstances", dataset=name, split="val") for name in test_splits}
    )
)
test_dataloader = dict(
    dataset=dict(
        evaluated,
        sources={name: dict(type="SeqTRInstances", dataset=name, split=splits) for name, splits in test_splits.items()},
    )
)
del test_splits, evaluated
