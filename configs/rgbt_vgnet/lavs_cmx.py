"""v2 without LAVS, streams joined by CMX."""

_base_ = ["lavs_avg.py"]

neck = dict(_delete_=True, type="CMX", width=512)
