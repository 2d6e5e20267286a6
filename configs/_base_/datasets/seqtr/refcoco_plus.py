"""RefCOCO+ in the instances.json of SeqTR, SimVG and ALVG: refcocoplus-unc/."""

_base_ = ["refcoco.py"]

dataset = "unc+"
