"""RefCOCO in the instances.json of SeqTR, SimVG and ALVG: refcoco-unc/, the sentences of the .pth files per object.

`sentences = 'drawn'` makes an epoch of one sentence per object, as those authors train.
"""

dataset = "unc"
data_root = "data"
split_root = "data/annotations"
modality = "rgb"
statistics = "imagenet"
sentences = "drawn"
folder = None  # of the file; the authors' by default

rows = dict(type="SeqTRInstances", folder="$folder", with_masks="$with_masks")
train_dataloader = dict(dataset=dict(rows, sentences="$sentences"))
val_dataloader = dict(dataset=dict(rows))
test_dataloader = dict(dataset=dict(rows, split=["val", "testA", "testB"]))
del rows
