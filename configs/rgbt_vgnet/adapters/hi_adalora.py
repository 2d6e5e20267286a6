"""Hi-LoRA with AdaLoRA: the layers share a budget of 8 ranks per linear layer."""

_base_ = ["../rgbt_vgnet_v1_b16.py"]

# AdaLoRA in peft, which the authors tried, starts from rank 12 for a target of 8.
adapter = dict(
    type="AdaLoRA",
    groups=dict(_delete_=True, shared=dict(rank=12, streams=("rgb", "ir", "text"))),
    target_rank=8,
    alpha=8,
    dropout=0.0,
)
