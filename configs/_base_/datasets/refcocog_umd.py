"""RefCOCOg by UMD's split: 80512 expressions, val 4896, test 9602."""

_base_ = ["refcoco.py"]

dataset = "gref_umd"
test_dataloader = dict(dataset=dict(split=["val", "test"]))
