"""HiVG-L without its bridges: the ten epochs that its authors train first. `hivg_l14.py` goes on with the weights."""

_base_ = ["hivg_l14.py"]

stages = [dict(epochs=10, lr=2.5e-4, max_layer=0)]
model = dict(guides=dict(layers=()))
