"""Adapters of the tiny RGBT-VGNet side by side: one stream, both with shared or own LoRA, without and with LAVS.

All rows begin with the same weights, trained on RGB pairs alone, which stay fixed; adapters, the joint Transformer
and the head learn. Ranks are chosen so that shared, symmetric and asymmetric adapters of a pair have equally many
parameters in the image encoder.
"""

rgb_start = "work_dirs/rgbt_vgnet_tiny_pretrain/best.pth"
pair_start = "work_dirs/rgbt_vgnet_tiny_pretrain/two_streams.pth"
before = [
    dict(makes="data/synthetic/manifest.json", command="tools/data/make_synthetic.py --out data/synthetic"),
    dict(makes=rgb_start, command="tools/train.py configs/rgbt_vgnet/rgbt_vgnet_tiny_pretrain.py --resume"),
    dict(makes=pair_start, command=f"tools/convert_checkpoint.py ours {rgb_start} {pair_start} --two-streams"),
]

seeds = [0, 1, 2]
modalities = ["rgbt"]
config = "configs/rgbt_vgnet/rgbt_vgnet_tiny.py"
lavs = {"guide": dict(type="TextGuidedBlock"), "model.stream_exchange": True}
no_lavs = {"guide": None, "model.stream_exchange": False}
groups = dict(
    shared=dict(shared=dict(rank=16, streams=("rgb", "ir", "text"))),
    symmetric=dict(rgb=dict(rank=8, streams=("rgb", "text")), ir=dict(rank=8, streams=("ir",))),
    asymmetric=dict(rgb=dict(rank=4, streams=("rgb", "text")), ir=dict(rank=12, streams=("ir",))),
)
adapters = {
    name: {"adapter": dict(_delete_=True, type="LoRA", groups=value, alpha=8, dropout=0.0)}
    for name, value in groups.items()
}
one = {**adapters["shared"], **no_lavs, "load_from": rgb_start}
pair = {"load_from": pair_start}
rows = dict(
    rgb=dict(config=config, modalities=["rgb"], options=one),
    ir=dict(config=config, modalities=["ir"], options=one, against="rgb"),
    shared=dict(config=config, options={**adapters["shared"], **no_lavs, **pair}, against="rgb"),
    symmetric=dict(config=config, options={**adapters["symmetric"], **no_lavs, **pair}, against="shared"),
    asymmetric=dict(config=config, options={**adapters["asymmetric"], **no_lavs, **pair}, against="shared"),
    shared_lavs=dict(config=config, options={**adapters["shared"], **lavs, **pair}, against="shared"),
    symmetric_lavs=dict(config=config, options={**adapters["symmetric"], **lavs, **pair}, against="symmetric"),
    asymmetric_lavs=dict(config=config, options={**adapters["asymmetric"], **lavs, **pair}, against="asymmetric"),
)
# The first 4,000 expressions once in batches of 16: 250 steps.
options = {
    "batch_size": 16,
    "num_workers": 0,
    "persistent_workers": False,
    "train_dataloader.dataset.indices": 4000,
    "val_dataloader.dataset.indices": 16,
    "model.tuned_weights": "none",
    "max_epochs": 1,
    "train_cfg.schedule": dict(type="CosineAnnealingLR", by_epoch=True, convert_to_iter_based=True, eta_min=0.0),
    # Two guides and an exchange have many tensors beside few of the start.
    "default_hooks.matching_checkpoint.min_share": 0.2,
}
del rgb_start, pair_start, config, lavs, no_lavs, groups, adapters, one, pair
