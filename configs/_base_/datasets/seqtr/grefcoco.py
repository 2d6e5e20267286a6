"""gRefCOCO, several targets or none, in SimVG's and ALVG's instances.json: grefcoco/ (or `folder = "grefs"`)."""

_base_ = ["refcoco.py"]

dataset = "grefcoco"
expressions = "each"
