"""Fine-tuning on a few real pairs, in RGBT-Ground's layout: the best model in small, and the best one from scratch.

    python tools/analysis/sweep.py configs/comparisons/few_pairs.py \\
        --cfg-options data_root=PAIRS split_root=PAIRS/splits

Both models have been trained on the synthetic set. `miniature` is ALVG on the miniature BEiT-3, `scratch` the
quickstart's ReSC without any pre-trained weights. `untuned` rows are tested after a single step at a rate of zero.
"""

tokenizer = "pretrain_weights/miniature/tokenizer"
alvg, resc = "configs/miniatures/alvg.py", "configs/quickstart/quickstart.py"
starts = {"alvg": "work_dirs/few_pairs_alvg", "resc": "work_dirs/few_pairs_resc"}
words = {"tokenizer": tokenizer, "model.text_encoder.vocabulary_size": 2000, "pretrained": None}
resc_options = (
    f"tokenizer={tokenizer} model.text_encoder.vocabulary_size=2000 pretrained=None max_epochs=12 batch_size=64 lr=3e-3"
)
before = [
    dict(makes="data/synthetic/manifest.json", command="tools/data/make_synthetic.py --out data/synthetic"),
    dict(
        makes=f"{starts['alvg']}/best.pth",
        command=f"tools/train.py {alvg} --work-dir {starts['alvg']} --resume",
    ),
    dict(
        makes=f"{starts['resc']}/best.pth",
        command=f"tools/train.py {resc} --work-dir {starts['resc']} --resume --cfg-options {resc_options}",
    ),
]
seeds = [0, 1, 2]
splits = ["test"]
untuned = {"max_epochs": 1, "lr": 0.0}
rows = {
    "miniature": dict(config=alvg, options={"load_from": f"{starts['alvg']}/best.pth", "max_epochs": 40, "lr": 2e-4}),
    "miniature-untuned": dict(
        config=alvg, options={"load_from": f"{starts['alvg']}/best.pth", **untuned}, against="miniature"
    ),
    "scratch": dict(
        config=resc,
        options={**words, "load_from": f"{starts['resc']}/best.pth", "max_epochs": 40, "lr": 5e-4},
        against="miniature",
    ),
    "scratch-untuned": dict(
        config=resc, options={**words, "load_from": f"{starts['resc']}/best.pth", **untuned}, against="scratch"
    ),
}
options = {"data": "rgbt_mixture", "batch_size": 8, "num_workers": 0, "persistent_workers": False}
del tokenizer, alvg, resc, starts, words, resc_options, untuned
