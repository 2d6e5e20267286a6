"""v3 with another way of joining the streams: Linear on both channels; ours."""

_base_ = ["rgbt_vgnet_v3_b16.py"]

neck = dict(_delete_=True, type="LinearFusion", width=512)
