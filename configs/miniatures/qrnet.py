"""QRNet in small, from the miniature Swin and BERT, which learn ten times slower than the rest."""

_base_ = ["../qrnet/qrnet_swin_s.py", "../_base_/miniatures/swin.py", "../_base_/miniatures/bert.py"]

data = "synthetic"
image_size = 192
batch_size = 16
random_crop = dict(_delete_=True, type="HorizontalFlip")
random_resize = dict(_delete_=True, type="ResizeLongSide", size="$image_size")
max_epochs = 6
lr = 1e-3
param_scheduler = [
    dict(type="LinearLR", by_epoch=True, end=1, start_factor=0.1, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", by_epoch=True, begin=1, T_max=5, convert_to_iter_based=True),
]
model = dict(
    image_encoder="$swin_image",
    text_encoder="$bert_text",
    fusion=dict(width=96, depth=2, num_heads=4, ffn_width=192, dropout=0.0),
    head=dict(width=96, l1_weight=4.0, giou_weight=4.0),
    patch_choice=dict(type="PatchChoice"),
    auxiliary_heads=[dict(type="PatchChoiceHead", loss_weight=2.0)],
    modulation=dict(rank=8),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
