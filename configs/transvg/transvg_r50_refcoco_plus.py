"""TransVG on RefCOCO+."""

_base_ = ["transvg_r50.py"]

data = "refcoco_plus"
