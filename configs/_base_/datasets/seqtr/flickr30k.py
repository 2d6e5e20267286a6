"""Flickr30k Entities in the instances.json of SeqTR, SimVG and ALVG: flickr30k/, without masks."""

_base_ = ["refcoco.py"]

dataset = "flickr"
test_dataloader = dict(dataset=dict(split=["val", "test"]))
