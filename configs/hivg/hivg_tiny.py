"""A HiVG small enough to train from scratch on a laptop, on the synthetic set; its CLIP learns with the rest."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/hivg.py",
    "../_base_/models/clip_tiny.py",
    "../_base_/schedules/adamw_staged.py",
    "../_base_/runtime/default.py",
]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "data/synthetic/tokenizer"
load_from = None
image_size = 64
max_length = 24
batch_size = 64
num_workers = 1
stages = [dict(epochs=12, lr=1e-3, max_layer=3)]

adapter = dict(groups=dict(shared=dict(rank=8)), alpha=4, dropout=0.0)
model = dict(
    image_encoder=dict(arch="$clip_image_arch", out_levels=(1, 2, 3), pretrained=None),
    text_encoder=dict(arch="$clip_text_arch", out_levels=(2,), pretrained=None),
    guides=dict(layers=(0, 2)),
    tuned_weights="all",
    fusion=dict(width=64, depth=2, num_heads=4, ffn_width=128, dropout=0.0),
    head=dict(width=64),
    auxiliary_heads=[
        dict(type="ContrastiveHead"),
        dict(type="TokenAlignmentHead", width=64, mlp_width=128),
        dict(type="SentenceMaskHead", width=64),
    ],
)
