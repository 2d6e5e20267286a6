"""RefCOCO in the instances.json of SeqTR, SimVG and ALVG: refcoco-unc/, the expressions of the .pth files per object.

`expressions = 'drawn'` makes an epoch of one sentence per object, as those authors train.
"""

dataset = "unc"
data_root = "data"
split_root = "data/annotations"
modality = "rgb"
statistics = "imagenet"
expressions = "drawn"
folder = None  # of the file; the authors' by default

rows = dict(type="SeqTRInstances", folder="$folder", with_masks="$with_masks")
train_dataloader = dict(dataset=dict(rows, expressions="$expressions"))
val_dataloader = dict(dataset=dict(rows))
test_dataloader = dict(dataset=dict(rows, split=["val", "testA", "testB"]))
del rows
