"""Adapters side by side, from the miniature CLIP, which has seen RGB alone.

The model is the small RGBT-VGNet with three epochs. In all rows but `full`, CLIP's own weights stay fixed; adapters,
text-guided attention, the joint encoder and the head learn. `shared`, `symmetric` and `asymmetric` have equally many
parameters in the image encoder, and so have their versions with LAVS (text-guided attention and exchange of streams).
"""

before = [dict(makes="data/synthetic/manifest.json", command="tools/data/make_synthetic.py --out data/synthetic")]
records = "docs/results/runs/adapters"
seeds = [0, 1, 2]
modalities = ["rgbt"]
config = "configs/miniatures/rgbt_vgnet.py"
lavs = {"model.tuned_weights": "none", "stages": [dict(epochs=3, lr=8e-4, max_layer=3)]}
plain = {**lavs, "guide": None, "model.stream_exchange": False}
groups = dict(
    shared=dict(shared=dict(rank=32, streams=("rgb", "ir", "text"))),
    symmetric=dict(rgb=dict(rank=16, streams=("rgb", "text")), ir=dict(rank=16, streams=("ir",))),
    asymmetric=dict(rgb=dict(rank=8, streams=("rgb", "text")), ir=dict(rank=24, streams=("ir",))),
)
adapters = {
    name: {"adapter": dict(_delete_=True, type="LoRA", groups=value, alpha=16, dropout=0.0)}
    for name, value in groups.items()
}
staged = {
    "stages": [
        dict(epochs=1, lr=8e-4, max_layer=1),
        dict(epochs=1, lr=8e-4, max_layer=2),
        dict(epochs=1, lr=8e-4, max_layer=3),
    ]
}
rows = dict(
    frozen=dict(config=config, options={**plain, "adapter": None, "stages": [dict(epochs=3, lr=8e-4, max_layer=0)]}),
    full=dict(config=config, options={**plain, "adapter": None, "model.tuned_weights": "all"}, against="frozen"),
    shared=dict(config=config, options={**plain, **adapters["shared"]}, against="frozen"),
    symmetric=dict(config=config, options={**plain, **adapters["symmetric"]}, against="shared"),
    asymmetric=dict(config=config, options={**plain, **adapters["asymmetric"]}, against="symmetric"),
    staged=dict(config=config, options={**plain, **adapters["asymmetric"], **staged}, against="asymmetric"),
    symmetric_lavs=dict(config=config, options={**lavs, **adapters["symmetric"]}, against="symmetric"),
    asymmetric_lavs=dict(config=config, options={**lavs, **adapters["asymmetric"]}, against="asymmetric"),
    rgb=dict(config=config, modalities=["rgb"], options={**plain, **adapters["shared"]}, against="shared"),
    ir=dict(config=config, modalities=["ir"], options={**plain, **adapters["shared"]}, against="shared"),
)
options = {"stage_mode": "one_schedule", "num_workers": 0, "persistent_workers": False}
del config, lavs, plain, groups, adapters, staged
