"""Every method at tiny width, in three modalities, from scratch, with equal numbers of expressions and steps.

A smoke of the protocol, not a claim about the methods: some hundred steps decide nothing between them.
"""

_base_ = ["../_base_/comparisons/hundred_steps.py"]

modalities = ["rgb", "ir", "rgbt"]
baseline_modality = "rgb"
rows = {
    "TransVG": dict(config="configs/transvg/transvg_tiny.py"),
    "CLIP-VG": dict(config="configs/clip_vg/clip_vg_tiny.py"),
    "AttBalance": dict(config="configs/attbalance/attbalance_tiny.py"),
    "FSVG": dict(config="configs/fsvg/fsvg_tiny.py"),
    "MMCA": dict(config="configs/mmca/mmca_tiny.py"),
    "QRNet": dict(config="configs/qrnet/qrnet_tiny.py"),
    "Dynamic-MDETR": dict(config="configs/dynamic_mdetr/dynamic_mdetr_tiny.py"),
    "FAOA": dict(config="configs/faoa/faoa_tiny.py"),
    "ReSC": dict(config="configs/resc/resc_tiny.py"),
    "HiVG": dict(config="configs/hivg/hivg_tiny.py"),
    "RGBT-VGNet": dict(config="configs/rgbt_vgnet/rgbt_vgnet_tiny.py"),
    "OneRef": dict(config="configs/oneref/oneref_tiny.py"),
    "SimVG": dict(config="configs/simvg/simvg_tiny.py"),
    "ALVG": dict(config="configs/alvg/alvg_tiny.py"),
}
