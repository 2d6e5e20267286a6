"""The sentence encoder that is pre-trained in minutes: a BERT of two layers, and where its weights lie."""

sentence_encoder = "pretrain_weights/miniature/sentence"
sentence_arch = dict(
    vocab_size=2000,
    hidden_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=192,
    max_position_embeddings=32,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
