"""ReSC, large: 512 px, the map of stride 16, an LSTM over the rounds."""

_base_ = ["resc_base.py"]

image_size = 512
model = dict(image_encoder=dict(strides=[16]), fusion=dict(output="lstm"))
