"""SimVG's branches and ALVG's attention losses side by side on the synthetic set, in rgb and rgbt, small models."""

modalities = ["rgb", "rgbt"]
rows = dict(
    simvg_decoder=dict(config="configs/simvg/simvg_tiny_twostage_1.py"),
    simvg_token=dict(config="configs/simvg/simvg_tiny_token_only.py", against="simvg_decoder"),
    simvg_distilled=dict(config="configs/simvg/simvg_tiny.py", against="simvg_decoder"),
    alvg_plain=dict(config="configs/alvg/alvg_tiny_plain.py"),
    alvg_attention=dict(config="configs/alvg/alvg_tiny.py", against="alvg_plain"),
)
# The first 1,600 sentences once in batches of 16: 100 steps.
options = {
    "batch_size": 16,
    "num_workers": 0,
    "persistent_workers": False,
    "train_dataloader.dataset.indices": 1600,
    "val_dataloader.dataset.indices": 16,
    "test_dataloader.dataset.indices": 400,
    "max_epochs": 1,
}
