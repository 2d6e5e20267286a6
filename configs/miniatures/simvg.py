"""SimVG in small, from the miniature BEiT-3, which learns with everything."""

_base_ = ["../simvg/simvg_b32.py", "../_base_/miniatures/beit3.py", "../_base_/miniatures/schedule.py"]

data = "synthetic"
image_size = 96
batch_size = 16
pad_id = 0
beit3 = "pretrain_weights/miniature/beit3.safetensors"
arch = "$beit3_arch"
zoom = (0.7, 1.3)
max_epochs = 6
lr = 8e-4
param_scheduler = "$miniature_schedule"
model = dict(
    backbone=dict(patch_size=12, stem_widths="$beit3_stem", vocab_size=2000, max_words=32, drop_path_rate=0.0),
    queries=dict(width=96, num_heads=4, ffn_width=192, dropout=0.0),
    decoder=dict(num_heads=4, ffn_width=192, dropout=0.0),
    head=dict(width=96),
    patch_choice=dict(type="PatchChoice"),
    auxiliary_heads=[dict(type="PatchChoiceHead", loss_weight=4.0)],
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0), paramwise_cfg=dict(_delete_=True))
