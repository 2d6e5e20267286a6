"""The miniature CLIP: images and sentences of the synthetic pre-training set, by contrast and next words."""

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
train_dataloader = dict(dataset=dict(split=["captions_train", "expressions_train"]))
default_hooks = dict(checkpoint=dict(save_best=None))
