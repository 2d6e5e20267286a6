"""OneRef on BEiT-3 base at 384 px, tower trained, with the losses on the patches' likeness (second of two stages).

Begin with --load-from and the best of oneref_b16_frozen.py.
"""

_base_ = [
    "../_base_/models/oneref.py",
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded_beit3.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/runtime/default.py",
]

max_epochs = 20
lr = 3e-5
