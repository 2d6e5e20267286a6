"""gRefCOCO, several targets or none, as its authors released it: data/refer/grefcoco/{grefs(unc),instances}.json."""

_base_ = ["refcoco.py"]

dataset = "grefcoco"
folder = "grefcoco"
refs = "grefs(unc).json"
