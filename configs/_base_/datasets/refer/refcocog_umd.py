"""RefCOCOg by UMD's split as released: data/refer/refcocog/{refs(umd).p,instances.json}."""

_base_ = ["refcoco.py"]

dataset = "gref_umd"
folder = "refcocog"
refs = "refs(umd).p"
test_dataloader = dict(dataset=dict(split=["val", "test"]))
