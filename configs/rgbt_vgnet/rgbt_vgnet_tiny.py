"""A small RGBT-VGNet from scratch on the synthetic set: a CLIP of three layers that learns along with everything else.

`modality=rgb` or `modality=ir` is one stream alone; `neck`, `guide`, `adapter` and `patch_choice` are one value each.

The published auxiliary losses expect a CLIP that is pre-trained. From scratch they teach such a model for long only
what stands out in an image; here the choice among the patches binds image and sentence first (docs/results.md).
"""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/rgbt_vgnet.py",
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
batch_size = 32
num_workers = 1
thermal_validity = dict(source="borders")
find_unused_parameters = True  # without a contrastive loss nothing reads CLIP's own projection of the image
stages = [dict(epochs=12, lr=1e-3, max_layer=3)]  # 2e-3 diverges in the third epoch
weight_decay = 0.01

train_pipeline = [
    "$load_images",
    "$thermal_validity",
    dict(type="ResizeLongSide", size="$image_size"),
    dict(type="HorizontalFlip"),
    dict(type="PadToSquare", size="$image_size", random=True),
    dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length"),
    dict(type="PackGroundingInputs"),
]

patch_choice = dict(type="PatchChoice")
adapter = dict(groups=dict(rgb=dict(rank=4), ir=dict(rank=12)), alpha=4, dropout=0.0)
model = dict(
    image_encoder=dict(
        arch=dict(_delete_=True, width=64, layers=3, heads=2, mlp_width=128, patch_size=8, image_size=64, embed_dim=64),
        out_levels=(1, 2, 3),
        pretrained=None,
        stem_widths=(24, 48),
        position_start="sine",
    ),
    text_encoder=dict(
        arch=dict(
            _delete_=True,
            width=64,
            layers=2,
            heads=2,
            mlp_width=128,
            vocabulary_size=128,
            context_length=24,
            embed_dim=64,
        ),
        pretrained=None,
    ),
    guides=dict(layers=(0, 2)),
    patch_choice="$patch_choice",
    tuned_weights="all",
    fusion=dict(width=64, depth=2, num_heads=2, ffn_width=128, dropout=0.0, position_start="sine"),
    head=dict(width=64, l1_weight=4.0, giou_weight=4.0),
    auxiliary_heads=[dict(type="PatchChoiceHead", loss_weight=2.0)],
)
optim_wrapper = dict(optimizer=dict(betas=(0.9, 0.98)), clip_grad=dict(max_norm=1.0))
