"""v3 with tokens side by side."""

_base_ = ["rgbt_vgnet_v3_b16.py"]

neck = dict(_delete_=True, type="ConcatTokens")
