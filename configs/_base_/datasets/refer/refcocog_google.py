"""RefCOCOg by Google's split as released: data/refer/refcocog/{refs(google).p,instances.json}, without a test."""

_base_ = ["refcoco.py"]

dataset = "gref"
folder = "refcocog"
refs = "refs(google).p"
test_dataloader = dict(dataset=dict(split=["val"]))
