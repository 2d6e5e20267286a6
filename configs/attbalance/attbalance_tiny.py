"""AttBalance on the small TransVG, on the synthetic set."""

_base_ = ["../transvg/transvg_tiny.py"]

# The joint encoder has two layers; the second one is constrained.
model = dict(attention_balance=dict(first_layer=1))
