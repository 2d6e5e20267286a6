"""ALVG on BEiT-3 with patches of 32 pixels."""

beit3 = "pretrain_weights/beit3_base_indomain_patch16_224.pth"
arch = "base"
num_queries = 1
single = True
mask = False
score_weight = 40.0
attention_weight = 1.0
sentence = "valid"
truncated_positions = False
neck = dict(type="AverageStreams")
adapter = None

model = dict(
    type="ALVG",
    modality="$modality",
    data_preprocessor="$data_preprocessor",
    backbone=dict(type="BEiT3", arch="$arch", image_size="$image_size", patch_size=32, pretrained="$beit3"),
    queries=dict(
        type="TextGuidedQueries",
        num_queries="$num_queries",
        sentence="$sentence",
        truncated_positions="$truncated_positions",
    ),
    enhancement=dict(type="TextGuidedEnhancement"),
    decoder=dict(depth=3),
    head=dict(
        type="AttentionSupervisedHead",
        single="$single",
        mask="$mask",
        score_weight="$score_weight",
        attention_weight="$attention_weight",
    ),
    neck="$neck",
    adapter="$adapter",
)
