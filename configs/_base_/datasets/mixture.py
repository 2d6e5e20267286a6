"""Base of dataset mixtures; a config that inherits it sets `sources`.

`source_weights` says how often a source comes, 1 being once per epoch:
``--cfg-options "source_weights={'flickr': 0.2}"``.
"""

source_weights = None

train_dataloader = dict(
    sampler=dict(_delete_=True, type="MixtureSampler", weights="$source_weights"),
    dataset=dict(
        _delete_=True,
        type="DatasetMixture",
        dataset="$dataset",
        data_root="$data_root",
        split_root="$split_root",
        modality="$modality",
        pipeline="$train_pipeline",
        leave_out="$leave_out",
    ),
)
