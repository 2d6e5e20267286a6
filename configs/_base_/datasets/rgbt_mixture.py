"""FLIR, M3FD and MFAD in one training, each as often as `source_weights` says (1: each row once per epoch).

Without weights this is the dataset ``rgbtvg_mixup``, in which MFAD has six rows of ten. To have the three
equally often: ``--cfg-options "source_weights={'rgbtvg_flir': 2.3, 'rgbtvg_m3fd': 4.4}"``.
"""

_base_ = ["mixture.py"]

dataset = "rgbtvg_mixup"

train_dataloader = dict(
    dataset=dict(
        sources=dict(
            rgbtvg_flir=dict(type="RGBTGround", dataset="rgbtvg_flir", split="train"),
            rgbtvg_m3fd=dict(type="RGBTGround", dataset="rgbtvg_m3fd", split="train"),
            rgbtvg_mfad=dict(type="RGBTGround", dataset="rgbtvg_mfad", split="train"),
        )
    )
)
