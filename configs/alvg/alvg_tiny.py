"""Tiny ALVG that trains from scratch on the synthetic set on a laptop."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/stretched.py",
    "../_base_/models/alvg.py",
    "../_base_/schedules/adam_warmup_step.py",
    "../_base_/runtime/default.py",
]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "data/synthetic/tokenizer"
pad_id = 0
max_length = 24
image_size = 96
num_workers = 1
zoom = (0.7, 1.3)

max_epochs = 10
milestones = [8]
warmup_end = 2
warmup_factor = 0.5
lr = 1e-3
optim_wrapper = dict(paramwise_cfg=None, clip_grad=dict(max_norm=1.0))  # no pre-trained part: one rate

beit3 = None
arch = dict(_delete_=True, width=96, layers=4, heads=4, ffn_width=192)
model = dict(
    backbone=dict(patch_size=12, vocab_size=512, max_words=24, drop_path_rate=0.0),
    queries=dict(width=96, num_heads=4, ffn_width=192, dropout=0.0),
    decoder=dict(num_heads=4, ffn_width=192, dropout=0.0, attention_dropout=0.0),
    enhancement=dict(width=96, dropout=0.0),
    head=dict(width=96),
)
