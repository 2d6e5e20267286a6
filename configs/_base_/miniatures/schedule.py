"""The rate of most methods in small: an epoch of warm-up, then a cosine to zero over the five that follow."""

miniature_schedule = [
    dict(type="LinearLR", by_epoch=True, end=1, start_factor=0.1, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", by_epoch=True, begin=1, T_max=5, convert_to_iter_based=True),
]
