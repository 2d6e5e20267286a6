"""FAOA with an LSTM that is trained from scratch; its tokenizer is any whose padding is 0."""

_base_ = ["faoa_bert.py"]

vocabulary_size = 30522
model = dict(text_encoder=dict(_delete_=True, type="LSTMEncoder", vocabulary_size="$vocabulary_size"))
