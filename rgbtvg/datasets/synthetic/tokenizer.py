"""Tokenizers of the synthetic expressions, saved as ordinary Hugging Face tokenizer folders.

One knows every word of the generator and no other. The subword tokenizer, which the miniature encoders share, splits
other English words into pieces, down to characters.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rgbtvg.datasets.synthetic.wording import vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SUBWORDS = 2000
WORDS = Path(__file__).with_name("words.txt")
MAX_TOKENS = 24  # the longest expression has 14 words; start, end and room for hand-written ones


def save_tokenizer(folder: str | Path) -> None:
    """Write the tokenizer of every word the generator can say; ``AutoTokenizer.from_pretrained(folder)`` reads it.

    Lower-cases, adds [START] and [END]. [PAD] is 0 and [END] the largest id, because CLIP-like text encoders take the
    expression from the position of the largest id. The vocabulary depends on neither seed nor size of the set.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    ids = {token: index for index, token in enumerate(["[PAD]", "[UNK]", *vocabulary(), "[START]", "[END]"])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    _save(tokenizer, folder)


def save_subword_tokenizer(folder: str | Path, expressions: Iterable[str]) -> None:
    """Write a WordPiece tokenizer of at most `SUBWORDS` pieces, learned from expressions and ``words.txt``.

    Every printable ASCII character is a piece, so that no word of them is unknown. Accents are removed. Ids are laid
    out as in :func:`save_tokenizer`, with [MASK] before [START].
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizers.BertNormalizer(lowercase=True)
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    trainer = trainers.WordPieceTrainer(
        # Room for the five special tokens and for a continuing piece of every character.
        vocab_size=SUBWORDS - 5 - len(characters),
        initial_alphabet=characters,
        show_progress=False,
    )
    learner.train_from_iterator([*expressions, *WORDS.read_text(encoding="utf-8").split()], trainer)
    pieces = dict.fromkeys([*sorted(learner.get_vocab()), *(f"##{character}" for character in characters)])
    tokens = ["[PAD]", "[UNK]", *pieces, "[MASK]", "[START]", "[END]"]
    tokenizer = Tokenizer(models.WordPiece({token: index for index, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = learner.normalizer, learner.pre_tokenizer
    _save(tokenizer, folder, mask_token="[MASK]")


def _save(tokenizer: Tokenizer, folder: str | Path, **special: str) -> None:
    """Add start and end to every expression and write the folder."""
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    ids = tokenizer.get_vocab()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[START] $A [END]", special_tokens=[(token, ids[token]) for token in ("[START]", "[END]")]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        bos_token="[START]",
        eos_token="[END]",
        model_max_length=MAX_TOKENS,
        model_input_names=["input_ids", "attention_mask"],
        **special,
    ).save_pretrained(str(folder))
