"""Hi-Lora with AdaLoRA, whose ranks share a budget of 8 per Linear."""

_base_ = ["hi_lora.py"]

adapter = dict(
    type="AdaLoRA",
    groups=dict(shared=dict(rank=12)),
    target_rank=8,
    alpha=12,
    dropout=0.0,
    warmup=0.5,  # the first stage, half of the epochs, opens none in CLIP
    cooldown=0.15,
)
custom_hooks = [dict(type="RankAllocationHook")]
load_from = "pretrain_weights/hivg_b16_mixup_merged_rgbt.pth"  # docs/experiments.md says how it is made
