"""For ALVG checkpoints of the authors' code: everything in which it departs from what is described."""

_base_ = ["alvg_b32.py"]

sentence = "last_places"
truncated_positions = True
model = dict(
    enhancement=dict(eps=0.0),
    decoder=dict(chained=False),
    head=dict(frame="image", mask_target="whole", double_sigmoid=True),
)
