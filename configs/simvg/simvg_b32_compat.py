"""For SimVG checkpoints that the authors released: the sentence read at the last places, truncated positions."""

_base_ = ["simvg_b32.py"]

sentence = "last_places"
truncated_positions = True
model = dict(head=dict(frame="image"))
