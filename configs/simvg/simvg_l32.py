"""SimVG on BEiT-3 large."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/stretched.py",
    "../_base_/models/simvg.py",
    "../_base_/schedules/adam_warmup_step.py",
    "../_base_/runtime/default.py",
]

arch = "large"
beit3 = "pretrain_weights/beit3_large_patch16_224.pth"
batch_size = 4
model = dict(head=dict(token_weight=1.0, distill_weight=0.4))
