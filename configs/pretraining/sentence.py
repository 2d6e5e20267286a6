"""The miniature sentence encoder: pairs of sentences that mean the same, about scenes of the pre-training set."""

_base_ = ["../_base_/loaders/pretraining.py", "../_base_/miniatures/bert.py", "../_base_/runtime/default.py"]

bert = None
batch_size = 32  # 64 meanings with the near misses
max_epochs = 25
model = dict(
    type="SentencePretraining",
    data_preprocessor="$data_preprocessor",
    text_encoder="$bert_text",
)
tokenize = dict(type="TokenizeSentences")
train_pipeline = [dict(type="LoadImages", modality="rgb"), "$tokenize", "$pack"]
test_pipeline = train_pipeline
sentences = dict(_delete_=True, type="Paraphrases")
unseen = dict(
    batch_size=64,
    dataset=dict(sentences, split="val", pipeline="$test_pipeline", indices=128, test_mode=True),
)
train_dataloader = dict(dataset=dict(sentences, split="train", pipeline="$train_pipeline"))
val_dataloader = unseen
test_dataloader = unseen
del sentences, unseen
default_hooks = dict(checkpoint=dict(save_best=None))
