"""RefCOCOg by Google's split, which has no test: 85474 expressions, val 9536."""

_base_ = ["refcoco.py"]

dataset = "gref"
test_dataloader = dict(dataset=dict(split=["val"]))
