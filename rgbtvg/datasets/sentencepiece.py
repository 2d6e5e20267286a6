"""SentencePiece models (``beit3.spm``) as fast tokenizers, read without the sentencepiece library."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import PreTrainedTokenizerFast

from rgbtvg.errors import ConfigError

# Field numbers of SentencePiece's ModelProto and of what it contains.
PIECES, TRAINER, NORMALIZER = 1, 2, 3
PIECE_TEXT, PIECE_SCORE = 1, 2
MODEL_TYPE, CHARSMAP = 3, 2
ADD_PREFIX, REMOVE_SPACES = 3, 4
UNIGRAM = 1
# XLM-RoBERTa's layout: four special tokens, then SentencePiece's own pieces from the fourth on, then the mask.
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
OWN_SPECIAL = 3
MASK = "<mask>"
META_SPACE = "\u2581"
SPACES = " {2,}"


@dataclass
class SentencePieceModel:
    """What a model file says.

    Args:
        pieces: text and score in the order of their numbers, the file's own special pieces included.
        model_type: 1 for unigram models.
        charsmap: compiled normalisation of characters.
        add_prefix: put a space in front of the sentence.
        remove_spaces: collapse runs of spaces and drop those at both ends.
    """

    pieces: list[tuple[str, float]] = field(default_factory=list)
    model_type: int = UNIGRAM
    charsmap: bytes = b""
    add_prefix: bool = True
    remove_spaces: bool = True


def load_sentencepiece(path: str | Path) -> PreTrainedTokenizerFast:
    """A tokenizer with XLM-RoBERTa's numbers, as BEiT-3 uses them: ``<s>`` 0, ``<pad>`` 1, ``</s>`` 2, ``<unk>`` 3.

    A piece with number p in the file gets p + 1, and ``<mask>`` the number after the last piece. A sentence becomes
    ``<s> pieces </s>``.

    Raises:
        ConfigError: the file is missing or holds no unigram model.
    """
    model = read_sentencepiece(path)
    vocabulary = [(token, 0.0) for token in SPECIAL] + model.pieces[OWN_SPECIAL:] + [(MASK, 0.0)]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=SPECIAL.index("<unk>")))
    steps = [normalizers.Precompiled(model.charsmap)] if model.charsmap else []
    if model.remove_spaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(SPACES), " ")]
    if steps:
        tokenizer.normalizer = normalizers.Sequence(steps)
    scheme = "always" if model.add_prefix else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(META_SPACE, prepend_scheme=scheme, split=False)
    tokenizer.decoder = decoders.Metaspace(META_SPACE, prepend_scheme=scheme)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(token, SPECIAL.index(token)) for token in ("<s>", "</s>")]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token=MASK,
    )


def read_sentencepiece(path: str | Path) -> SentencePieceModel:
    """The parts of a model file that tokenising needs.

    Raises:
        ConfigError: the file is missing or holds no unigram model.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"there is no SentencePiece model {str(path)!r}: put beit3.spm there, see pretrain_weights/README.md"
        ) from error
    model = SentencePieceModel()
    try:
        for number, value in fields(content):
            if number == PIECES:
                piece = dict(fields(value))
                (score,) = struct.unpack("<f", piece.get(PIECE_SCORE, bytes(4)))
                model.pieces.append((piece[PIECE_TEXT].decode("utf-8"), score))
            elif number == TRAINER:
                model.model_type = dict(fields(value)).get(MODEL_TYPE, UNIGRAM)
            elif number == NORMALIZER:
                options = dict(fields(value))
                model.charsmap = options.get(CHARSMAP, b"")
                model.add_prefix = bool(options.get(ADD_PREFIX, 1))
                model.remove_spaces = bool(options.get(REMOVE_SPACES, 1))
    except (IndexError, KeyError, UnicodeDecodeError, ValueError, struct.error) as error:
        raise ConfigError(f"{path} is no SentencePiece model") from error
    if model.model_type != UNIGRAM or len(model.pieces) <= OWN_SPECIAL:
        raise ConfigError(f"{path} holds no unigram SentencePiece model")
    return model


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of every field of a protocol-buffer message: an int, or the bytes of anything longer."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, position = _varint(message, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, position = message[position : position + size], position + size
        elif kind == 2:
            size, position = _varint(message, position)
            if position + size > len(message):
                raise ValueError("a field is longer than the message")
            value, position = message[position : position + size], position + size
        else:
            raise ValueError(f"unknown kind of field {kind}")
        yield number, value


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
