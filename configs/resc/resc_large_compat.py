"""For checkpoints of ReSC large that its authors released, and for training exactly as they did.

Batch norm beside the Darknet keeps the statistics of the last batch only, and the attention to words is a share of a
softmax over all positions.
"""

_base_ = ["resc_base.py"]

image_size = 512
model = dict(
    bn_momentum=0.999,
    image_encoder=dict(strides=[16]),
    fusion=dict(output="lstm", bn_momentum=0.999, over_all=True),
    head=dict(bn_momentum=0.999),
)
