"""The classic mixture in its published files: mixup_train.pth of 802647 rows, val and test those of RefCOCOg (UMD)."""

_base_ = ["refcoco.py"]

dataset = "mixup"
train_dataloader = dict(dataset=dict(type="MixedRows"))
val_dataloader = dict(dataset=dict(type="MixedRows"))
test_dataloader = dict(dataset=dict(type="MixedRows", split=["val", "test"]))
