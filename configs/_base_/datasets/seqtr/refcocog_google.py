"""RefCOCOg by Google's split in the instances.json of SeqTR, SimVG and ALVG: refcocog-google/, without a test."""

_base_ = ["refcoco.py"]

dataset = "gref"
test_dataloader = dict(dataset=dict(split=["val"]))
