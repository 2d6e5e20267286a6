"""Fifteen methods in three modalities, each in small from its miniature, with its own recipe (docs/miniatures.md).

Every run sees the 8,000 training expressions six times, in batches of 16; that of VLM four times.
"""

before = [dict(makes="data/synthetic/manifest.json", command="tools/data/make_synthetic.py --out data/synthetic")]
records = "docs/results/runs/methods"
modalities = ["rgbt", "rgb", "ir"]
baseline_modality = "rgbt"
rows = {
    "RGBT-VGNet": dict(config="configs/miniatures/rgbt_vgnet.py"),
    "CLIP-VG": dict(config="configs/miniatures/clip_vg.py"),
    "HiVG": dict(config="configs/miniatures/hivg.py"),
    "FSVG": dict(config="configs/miniatures/fsvg.py"),
    "TransVG": dict(config="configs/miniatures/transvg.py"),
    "AttBalance": dict(config="configs/miniatures/attbalance.py"),
    "MMCA": dict(config="configs/miniatures/mmca.py"),
    "Dynamic-MDETR": dict(config="configs/miniatures/dynamic_mdetr.py"),
    "OneRef": dict(config="configs/miniatures/oneref.py"),
    "SimVG": dict(config="configs/miniatures/simvg.py"),
    "ALVG": dict(config="configs/miniatures/alvg.py"),
    "FAOA": dict(config="configs/miniatures/faoa.py"),
    "ReSC": dict(config="configs/miniatures/resc.py"),
    "QRNet": dict(config="configs/miniatures/qrnet.py"),
    "VLM": dict(config="configs/miniatures/vlm.py"),
}
options = {"num_workers": 0, "persistent_workers": False}
