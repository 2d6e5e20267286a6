"""SimVG's "coco_all" without a file of its own: RefCOCO, RefCOCO+ and RefCOCOg (UMD), 321327 expressions.

RefCOCOg by Google's split is not in it: its training images are in the test parts of the others.
"""

dataset = "coco_all"
data_root = "data"
split_root = "data/annotations"
modality = "rgb"
statistics = "imagenet"
expressions = "drawn"
source_weights = None  # source -> passes per epoch, 1 where left out; "equal" or "sqrt"

# Source -> its test parts.
test_splits = {
    "unc": ["val", "testA", "testB"],
    "unc+": ["val", "testA", "testB"],
    "gref_umd": ["val", "test"],
}
mixture = dict(
    _delete_=True,
    type="DatasetMixture",
    dataset="$dataset",
    data_root="$data_root",
    split_root="$split_root",
    modality="$modality",
    with_masks="$with_masks",
)
evaluated = dict(mixture, pipeline="$test_pipeline", test_mode=True)
train_dataloader = dict(
    sampler=dict(_delete_=True, type="MixtureSampler", weights="$source_weights"),
    dataset=dict(
        mixture,
        pipeline="$train_pipeline",
        leave_out="$leave_out",
        sources={name: dict(type="SeqTRInstances", dataset=name, split="train") for name in test_splits},
        expressions="$expressions",
    ),
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
del test_splits, mixture, evaluated
