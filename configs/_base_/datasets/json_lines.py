"""Canonical JSON lines (docs/datasets.md): ``<split_root>/<dataset>.jsonl``, image paths from `data_root`."""

dataset = "rgbtvg_flir"
data_root = "data/rgbt_ground"
split_root = "data/rgbt_ground/splits"

train_dataloader = dict(dataset=dict(type="JSONLinesDataset"))
val_dataloader = dict(dataset=dict(type="JSONLinesDataset"))
test_dataloader = dict(dataset=dict(type="JSONLinesDataset"))
