"""RefCOCOg by UMD's split in the instances.json of SeqTR, SimVG and ALVG: refcocog-umd/."""

_base_ = ["refcoco.py"]

dataset = "gref_umd"
test_dataloader = dict(dataset=dict(split=["val", "test"]))
