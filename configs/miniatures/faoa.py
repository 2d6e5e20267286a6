"""FAOA in small, from the miniature Darknet, which learns ten times slower, with an LSTM from scratch.

The first token of the miniature BERT, which published FAOA reads, was trained by nothing.
"""

_base_ = ["../faoa/faoa_bert.py", "../_base_/miniatures/darknet.py"]

data = "synthetic"
image_size = 64
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
max_epochs = 6
lr = 1e-3
model = dict(
    image_encoder=dict(width=5, blocks=(1, 1, 2, 2, 1), pretrained="$darknet"),
    text_encoder=dict(
        _delete_=True, type="LSTMEncoder", vocabulary_size=2000, embedding_width=64, hidden_width=48, dropout=0.0
    ),
    head=dict(hidden_channels=64),
    width=96,
    dropout=0.0,
)
