"""RefCOCO+ as its own authors released it: data/refer/refcoco+/{refs(unc).p,instances.json}."""

_base_ = ["refcoco.py"]

dataset = "unc+"
folder = "refcoco+"
