"""ReferItGame in the instances.json of SeqTR, SimVG and ALVG: referitgame-berkeley/, without masks."""

_base_ = ["refcoco.py"]

dataset = "referit"
test_dataloader = dict(dataset=dict(split=["val", "test"]))
