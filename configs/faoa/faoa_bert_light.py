"""FAOA with one convolution per level instead of three, and a head without a hidden layer."""

_base_ = ["faoa_bert.py"]

model = dict(fusion=dict(light=True), head=dict(hidden_channels=0))
