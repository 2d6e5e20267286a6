"""Two encoders whose streams ask each other at every level before they are joined."""

_base_ = ["two_encoders_linear.py"]

model = dict(stream_exchange=True)
