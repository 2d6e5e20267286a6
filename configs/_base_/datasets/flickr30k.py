"""Flickr30k Entities in the .pth files of TransVG, CLIP-VG and HiVG: 427193 phrases, val 14433, test 14481."""

_base_ = ["refcoco.py"]

dataset = "flickr"
train_dataloader = dict(dataset=dict(type="Flickr30kEntities"))
val_dataloader = dict(dataset=dict(type="Flickr30kEntities"))
test_dataloader = dict(dataset=dict(type="Flickr30kEntities", split=["val", "test"]))
