"""For SimVG-L checkpoints that the authors released; they were trained without drop path."""

_base_ = ["simvg_l32.py"]

sentence = "last_places"
truncated_positions = True
model = dict(backbone=dict(drop_path_rate=0.0), head=dict(frame="image"))
