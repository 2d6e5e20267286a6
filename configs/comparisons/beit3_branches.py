"""SimVG's branches and ALVG's attention losses side by side on the synthetic set, in rgb and rgbt, small models."""

_base_ = ["../_base_/comparisons/hundred_steps.py"]

modalities = ["rgb", "rgbt"]
rows = dict(
    simvg_decoder=dict(config="configs/simvg/simvg_tiny_twostage_1.py"),
    simvg_token=dict(
        config="configs/simvg/simvg_tiny.py",
        options={"model.head.balanced": False, "model.head.token_weight": 1.0, "model.head.distill_weight": 0.0},
        against="simvg_decoder",
    ),
    simvg_distilled=dict(config="configs/simvg/simvg_tiny.py", against="simvg_decoder"),
    alvg_plain=dict(config="configs/alvg/alvg_tiny.py", options={"score_weight": 0.0, "attention_weight": 0.0}),
    alvg_attention=dict(config="configs/alvg/alvg_tiny.py", against="alvg_plain"),
)
