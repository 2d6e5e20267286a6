"""FAOA in small, from the miniature Darknet and BERT, which learn ten times slower.

The mean of the words stands for the sentence: the first token of the miniature BERT was trained by nothing.
"""

_base_ = ["../faoa/faoa_bert.py", "../_base_/miniatures/darknet.py", "../_base_/miniatures/bert.py"]

data = "synthetic"
image_size = 64
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
max_epochs = 6
lr = 1e-3
# The published ones times 256 / 64: as large in cells as they are at 256 pixels.
anchors = [
    [[1492, 1304], [624, 792], [464, 360]],
    [[236, 476], [248, 180], [120, 244]],
    [[132, 92], [64, 120], [40, 52]],
]
model = dict(
    image_encoder=dict(width=5, blocks=(1, 1, 2, 2, 1), pretrained="$darknet"),
    text_encoder=dict(arch="$bert_arch", average_last=2, frozen=False, pretrained="$bert"),
    head=dict(hidden_channels=64),
    width=128,
    dropout=0.0,
    sentence="mean",
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={"text_encoder": dict(lr_mult=0.1)}))
