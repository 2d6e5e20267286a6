"""QRNet in small, from the miniature Swin and BERT, which learn ten times slower than the rest."""

_base_ = [
    "../qrnet/qrnet_swin_s.py",
    "../_base_/miniatures/swin.py",
    "../_base_/miniatures/bert.py",
    "../_base_/miniatures/schedule.py",
]

data = "synthetic"
image_size = 128
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
max_epochs = 6
lr = 1e-3
param_scheduler = "$miniature_schedule"
model = dict(
    image_encoder="$swin_image",
    text_encoder="$bert_text",
    fusion=dict(width=96, depth=2, num_heads=4, ffn_width=192, dropout=0.0, position_start="sine"),
    head=dict(width=96, l1_weight=4.0, giou_weight=4.0),
    patch_choice=dict(type="PatchChoice"),
    auxiliary_heads=[dict(type="PatchChoiceHead", loss_weight=2.0)],
    modulation=dict(rank=8),
    mean_of_words=True,
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
