"""RGBT-VGNet v3: v2 with the streams fused by three priors (TPF).

The recipe of its users: one cosine schedule over all epochs from 1e-4 (2e-4 on RefM3FD), batches of 12 on eight GPUs.
"""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/rgbt_vgnet.py",
    "../_base_/schedules/adamw_staged.py",
    "../_base_/runtime/default.py",
]

tokenizer = "$clip"
max_length = 77
batch_size = 12
auto_scale_lr = dict(base_batch_size=96)
stage_mode = "one_schedule"
stages = [dict(epochs=epochs, lr=1e-4, max_layer=layer) for epochs, layer in ((60, 0), (20, 5), (20, 8), (20, 12))]
load_from = "pretrain_weights/hivg_b16_mixup_merged.pth"  # see docs/experiments.md
neck = dict(_delete_=True, type="TriPrior", width=512)
