"""OneRef on BEiT-3 with patches of 16 pixels."""

beit3 = "pretrain_weights/beit3_base_indomain_patch16_224.pth"
arch = "base"
frozen = False
box_weight = 1.0
region_weight = 1.0
adapter = None

model = dict(
    type="OneRef",
    modality="$modality",
    data_preprocessor="$data_preprocessor",
    backbone=dict(type="BEiT3", arch="$arch", image_size="$image_size", pretrained="$beit3", frozen="$frozen"),
    head=dict(type="ReferringHead", box_weight="$box_weight", region_weight="$region_weight"),
    adapter="$adapter",
)
