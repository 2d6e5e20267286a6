"""SimVG's mixture without a file of its own: coco_all, ReferIt and Flickr30k, 802647 expressions.

Their merged file has regions of Visual Genome too: mixed_vg.py adds them.
"""

_base_ = ["coco_all.py"]

dataset = "simvg_mixed"

referit = dict(type="SeqTRInstances", dataset="referit")
flickr = dict(type="SeqTRInstances", dataset="flickr")
train_dataloader = dict(
    dataset=dict(sources=dict(referit=dict(referit, split="train"), flickr=dict(flickr, split="train")))
)
val_dataloader = dict(dataset=dict(sources=dict(referit=dict(referit, split="val"), flickr=dict(flickr, split="val"))))
test_dataloader = dict(
    dataset=dict(sources=dict(referit=dict(referit, split=["val", "test"]), flickr=dict(flickr, split=["val", "test"])))
)
del referit, flickr
