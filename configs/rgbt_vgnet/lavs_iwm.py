"""v2 without LAVS, streams joined by IWM."""

_base_ = ["lavs_avg.py"]

neck = dict(_delete_=True, type="IlluminationWeighted", num_levels=5)
