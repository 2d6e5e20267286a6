"""FAOA in small, from the miniature Darknet, which learns ten times slower, with an LSTM from scratch.

The mean of the words stands for the sentence.
"""

_base_ = ["../faoa/faoa_bert.py", "../_base_/miniatures/darknet.py", "../_base_/miniatures/schedule.py"]

data = "synthetic"
image_size = 64
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
max_epochs = 6
lr = 3e-3
weight_decay = 1e-4
param_scheduler = "$miniature_schedule"
# The published ones times 256 / 64: as large in cells as they are at 256 pixels.
anchors = [
    [[1492, 1304], [624, 792], [464, 360]],
    [[236, 476], [248, 180], [120, 244]],
    [[132, 92], [64, 120], [40, 52]],
]
model = dict(
    image_encoder=dict(width=5, blocks=(1, 1, 2, 2, 1), pretrained="$darknet"),
    text_encoder=dict(
        _delete_=True, type="LSTMEncoder", vocabulary_size=2000, embedding_width=128, hidden_width=64, dropout=0.0
    ),
    head=dict(hidden_channels=64),
    width=128,
    dropout=0.0,
    sentence="mean",
)
optim_wrapper = dict(optimizer=dict(type="AdamW"), clip_grad=dict(max_norm=10.0))
