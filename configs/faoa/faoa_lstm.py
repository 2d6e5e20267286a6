"""FAOA with an LSTM trained from scratch; any tokenizer that pads with 0 serves."""

_base_ = ["faoa_bert.py"]

vocabulary_size = 30522
model = dict(text_encoder=dict(_delete_=True, type="LSTMEncoder", vocabulary_size="$vocabulary_size"))
