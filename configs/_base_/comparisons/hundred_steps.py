"""The first 1,600 expressions of the synthetic set once, in batches of 16: 100 steps."""

before = [dict(makes="data/synthetic/manifest.json", command="tools/data/make_synthetic.py --out data/synthetic")]
options = {
    "batch_size": 16,
    "num_workers": 0,
    "persistent_workers": False,
    "train_dataloader.dataset.indices": 1600,
    "val_dataloader.dataset.indices": 16,
    "test_dataloader.dataset.indices": 400,
    "max_epochs": 1,
}
