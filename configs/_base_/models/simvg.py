"""SimVG on BEiT-3 with patches of 32 pixels, both branches."""

beit3 = "pretrain_weights/beit3_base_patch16_224.pth"
arch = "base"
num_queries = 1
single = True
answer = "token"  # the branch that predicts: 'decoder' or 'token'
sentence = "valid"
truncated_positions = False
neck = dict(type="AverageStreams")  # any that keeps the grid, such as dict(type="LinearFusion", width=768)
adapter = None  # a dict(type="LoRA", ...) adapts the tower per stream, see docs/methods/simvg.md

model = dict(
    type="SimVG",
    modality="$modality",
    data_preprocessor="$data_preprocessor",
    backbone=dict(type="BEiT3", arch="$arch", image_size="$image_size", patch_size=32, pretrained="$beit3"),
    queries=dict(
        type="TextGuidedQueries",
        num_queries="$num_queries",
        sentence="$sentence",
        truncated_positions="$truncated_positions",
    ),
    decoder=dict(depth=3),
    head=dict(type="TwoBranchHead", single="$single", token_weight=2.0, distill_weight=1.0, answer="$answer"),
    neck="$neck",
    adapter="$adapter",
)
