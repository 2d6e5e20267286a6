"""For checkpoints of ReSC base that its authors released, and for training exactly as they did.

Batch norm beside the Darknet keeps the statistics of the last batch only.
"""

_base_ = ["resc_base.py"]

model = dict(bn_momentum=0.999, fusion=dict(bn_momentum=0.999), head=dict(bn_momentum=0.999))
