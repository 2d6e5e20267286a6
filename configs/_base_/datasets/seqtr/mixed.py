"""SimVG's mixture without a file of its own: coco_all, ReferIt and Flickr30k, 802647 sentences.

Their merged file has regions of Visual Genome too: mixed_vg.py adds them.
"""

_base_ = ["coco_all.py"]

dataset = "simvg_mixed"

train_dataloader = dict(
    dataset=dict(
        sources=dict(
            referit=dict(type="SeqTRInstances", dataset="referit", split="train"),
            flickr=dict(type="SeqTRInstances", dataset="flickr", split="train"),
        )
    )
)
val_dataloader = dict(
    dataset=dict(
        sources=dict(
            referit=dict(type="SeqTRInstances", dataset="referit", split="val"),
            flickr=dict(type="SeqTRInstances", dataset="flickr", split="val"),
        )
    )
)
test_dataloader = dict(
    dataset=dict(
        sources=dict(
            referit=dict(type="SeqTRInstances", dataset="referit", split=["val", "test"]),
            flickr=dict(type="SeqTRInstances", dataset="flickr", split=["val", "test"]),
        )
    )
)
