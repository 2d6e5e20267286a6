"""gRefCOCO, several targets or none, in MDETR's form: data/annotations/grefcoco/finetune_grefcoco_<split>.json."""

dataset = "grefcoco"
data_root = "data"
split_root = "data/annotations"
modality = "rgb"
statistics = "imagenet"

train_dataloader = dict(dataset=dict(type="CaptionedCOCO"))
val_dataloader = dict(dataset=dict(type="CaptionedCOCO"))
test_dataloader = dict(dataset=dict(type="CaptionedCOCO", split=["val", "testA", "testB"]))
