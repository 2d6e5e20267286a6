"""The synthetic set (``tools/data/make_synthetic.py --out data/synthetic``) with the tokenizer of the miniatures."""

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "pretrain_weights/miniature/tokenizer"
max_length = 24
num_workers = 1
