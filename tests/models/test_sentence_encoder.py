"""The quickstart's model with a sentence encoder in place of the LSTM."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

import rgbtvg.models  # noqa: F401
from rgbtvg.benchmarking.sweep import check_options
from rgbtvg.benchmarking.sweep_table import SweepTable
from rgbtvg.datasets import collate_grounding
from rgbtvg.datasets.transforms.text import load_tokenizer
from rgbtvg.engine import load_config
from rgbtvg.registry import DATASETS, MODELS

CONFIG = "configs/quickstart/sentence_encoder.py"
TABLE = "configs/comparisons/words.py"


@pytest.fixture
def folder(tmp_path):
    """A BERT with its tokenizer in one folder, laid out as all-MiniLM-L6-v2 is."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "car"]
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(tmp_path)
    sizes = dict(hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=48, vocab_size=8)
    BertModel(BertConfig(**sizes)).save_pretrained(tmp_path)
    return tmp_path, sizes


def built(options: dict) -> torch.nn.Module:
    model = MODELS.build(load_config(CONFIG, options).model)
    model.init_weights()
    return model.text_encoder


def test_it_starts_from_the_committed_miniature_and_stays_so():
    encoder = built({})
    for name, kept in load_file("pretrain_weights/miniature/sentence/model.safetensors").items():
        torch.testing.assert_close(encoder.bert.state_dict()[name], kept.float())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_the_miniature_folder_has_the_tokenizer_of_all_miniatures():
    ids = [load_tokenizer(f"pretrain_weights/miniature/{name}").get_vocab() for name in ("sentence", "tokenizer")]
    assert ids[0] == ids[1]


def test_another_encoder_is_its_folder_and_its_sizes(folder):
    path, sizes = folder
    options = {"bert": str(path), "bert_arch": dict(_delete_=True, **sizes)}
    encoder = built(options)
    assert encoder.width == 24 and len(encoder.bert.encoder.layer) == 3
    kept = load_file(path / "model.safetensors")["embeddings.word_embeddings.weight"]
    torch.testing.assert_close(encoder.bert.embeddings.word_embeddings.weight, kept)
    (tokenize,) = [step for step in load_config(CONFIG, options).train_pipeline if step["type"] == "Tokenize"]
    assert load_tokenizer(tokenize["tokenizer"])("a red car")["input_ids"] == [2, 5, 6, 7, 3]


def test_rows_of_the_table_differ_in_the_text_encoder_alone(tmp_path):
    runs = {run.row: run for run in SweepTable.read(TABLE).runs(tmp_path, {}) if run.seed == 0}
    check_options(list(runs.values()))
    models, tokenizers = {}, set()
    for row, run in runs.items():
        config = load_config(run.config, dict(run.options))
        models[row] = MODELS.build(config.model)
        tokenizers.add(frozenset(load_tokenizer(config.tokenizer).get_vocab().items()))
        assert run.splits == ("test", "reworded")
    assert len(tokenizers) == 1
    learns = {row: any(p.requires_grad for p in model.text_encoder.parameters()) for row, model in models.items()}
    assert learns == {"sentence": False, "untrained-fixed": False, "untrained-learning": True, "lstm": True}
    assert len({model.image_encoder.__class__ for model in models.values()}) == 1


def test_the_committed_miniature_knows_the_other_words():
    config = load_config("configs/pretraining/sentence.py")
    samples = DATASETS.build(dict(config.val_dataloader.dataset, indices=64))
    found = {}
    for name, folder in (("trained", "pretrain_weights/miniature/sentence"), ("untrained", None)):
        torch.manual_seed(0)
        config.model.text_encoder.pretrained = folder
        model = MODELS.build(config.model).eval()
        model.init_weights()
        batch = model.data_preprocessor(collate_grounding([samples[index] for index in range(64)]))
        with torch.no_grad():
            found[name] = model.probe(**batch)["paraphrase_found"].mean()
    assert found["trained"] > 0.9 and found["untrained"] < 0.3
