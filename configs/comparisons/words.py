"""Words that no training sentence has: the quickstart with different text encoders, on `test` and `reworded`.

That holds for words of content; function words are shared. All rows have the tokenizer of the miniatures. `sentence`
is the miniature sentence encoder, which has read the other words in its pre-training and stays as it is. The untrained
rows have the same layers with random weights, which stay as they are too, or learn.
"""

before = [
    dict(
        makes="data/synthetic/splits/rgbtvg_synthetic/rgbtvg_synthetic_reworded.pth",
        command="tools/data/make_synthetic.py --out data/synthetic",
    )
]
records = "docs/results/runs/words"
seeds = [0, 1, 2]
splits = ["test", "reworded"]
compared = "reworded"
config = "configs/quickstart/sentence_encoder.py"
lstm = dict(_delete_=True, type="LSTMEncoder", vocabulary_size=2000, embedding_width=64, hidden_width=48, dropout=0.0)
random = {"model.text_encoder.pretrained": None}
rows = {
    "sentence": dict(config=config),
    "untrained-fixed": dict(config=config, options=random, against="sentence"),
    "untrained-learning": dict(
        config=config,
        options={**random, "model.text_encoder.frozen": False, "model.text_encoder.cached_sentences": 0},
        against="sentence",
    ),
    "lstm": dict(config=config, options={"model.text_encoder": lstm}, against="sentence"),
}
options = {"num_workers": 0, "persistent_workers": False}
del config, lstm, random
