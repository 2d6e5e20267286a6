"""For checkpoints of ReSC large that its authors released, and for training exactly as they did.

Batch norm beside the Darknet keeps the statistics of the last batch only, and the attention to words is a share of a
softmax over all positions.
"""

_base_ = ["resc_large.py"]

model = dict(bn_momentum=0.999, fusion=dict(bn_momentum=0.999, over_all=True), head=dict(bn_momentum=0.999))
