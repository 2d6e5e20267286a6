"""ReferItGame in the .pth files of TransVG, CLIP-VG and HiVG: 54127 expressions, val 5842, test 60103."""

_base_ = ["refcoco.py"]

dataset = "referit"
train_dataloader = dict(dataset=dict(type="ReferItGame"))
val_dataloader = dict(dataset=dict(type="ReferItGame"))
test_dataloader = dict(dataset=dict(type="ReferItGame", split=["val", "test"]))
