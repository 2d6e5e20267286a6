"""The miniature CLIP: sentences and images of the synthetic pre-training set, by contrast, and their next words."""

_base_ = ["../_base_/loaders/pretraining.py", "../_base_/miniatures/clip.py", "../_base_/runtime/default.py"]

batch_size = 32  # more steps, not more contrast, are what a model from scratch needs
max_epochs = 6
model = dict(
    type="ContrastivePretraining",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(
        type="CLIPVisionEncoder", arch="$clip_image_arch", stem_widths="$clip_stem", position_start="sine"
    ),
    text_encoder=dict(type="CLIPTextEncoder", arch="$clip_text_arch"),
    next_word_weight=0.5,
)
sentences = dict(type="JSONLinesDataset", dataset="rgbtvg_synthetic_pretraining")
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="DatasetMixture",
        dataset="rgbtvg_synthetic_pretraining",
        sources=dict(
            captions=dict(sentences, split="captions_train"), expressions=dict(sentences, split="expressions_train")
        ),
        data_root="$data_root",
        split_root="$data_root",
        modality="rgb",
        pipeline="$train_pipeline",
    )
)
del sentences
default_hooks = dict(checkpoint=dict(save_best=None))
