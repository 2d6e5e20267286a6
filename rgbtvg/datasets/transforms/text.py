"""Tokenize expressions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import TRANSFORMS

SENTENCEPIECE_SUFFIXES = (".spm", ".model")
WORD = re.compile(r"[^\W_]+")
CACHED_EXPRESSIONS = 100_000
"""An expression of a training set comes back every epoch; this many are kept per process (some tens of MB)."""


@TRANSFORMS.register_module()
class Tokenize(BaseTransform):
    """Token ids and mask of the expression, by any Hugging Face tokenizer.

    Special tokens are the tokenizer's own. A long expression is cut to `max_length` and keeps its end token, a short
    one is padded with `pad_id` at the end. Special tokens are not padding.

    Args:
        tokenizer: folder with the files of a tokenizer, or a name in the local Hugging Face cache. Nothing is
            downloaded. ``tools/data/convert_tokenizer.py`` converts a SentencePiece model.
        max_length: number of ids.
        pad_id: id of the padding. CLIP's own reference pads with 0, not with its tokenizer's pad token.
        lower: lower-case the expression first, as all references do.
        mask_pad_id: mask real tokens that have the padding's id as well. CLIP's pad id 0 is that of ``!`` before
            another sign; HiVG and RGBT-VGNet were trained so.

    Adds ``token_ids`` (max_length,) int64 and ``token_padding_mask`` (max_length,) bool, True where padded.
    Adds to ``warnings`` the reasons why a model may not understand the expression.

    Raises:
        ConfigError: no such tokenizer, saying which files to put where.
        DataError: the expression is empty or not a string of valid Unicode.
    """

    def __init__(
        self, tokenizer: str | Path, max_length: int, pad_id: int = 0, lower: bool = True, mask_pad_id: bool = False
    ) -> None:
        self.tokenizer = load_tokenizer(tokenizer)
        num_special = self.tokenizer.num_special_tokens_to_add()
        if max_length <= num_special:
            raise ConfigError(
                f"max_length must be above {num_special}, the tokenizer's special tokens, got {max_length}"
            )
        self.max_length = max_length
        self.pad_id = pad_id
        self.lower = lower
        self.mask_pad_id = mask_pad_id
        self._cache: dict[str, tuple[np.ndarray, list[str]]] = {}
        self._unknown: dict[str, bool] = {}

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        ids, warnings = self._encode(results["expression"])
        results["warnings"] = [*results.get("warnings", ()), *warnings]
        results["token_ids"], results["token_padding_mask"] = self.padded(ids)
        return results

    def padded(self, ids: Sequence[int] | np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids of an expression with padding behind them, and True where padded; both (max_length,)."""
        token_ids = np.full(self.max_length, self.pad_id, dtype=np.int64)
        token_ids[: len(ids)] = ids
        mask = token_ids == self.pad_id if self.mask_pad_id else np.arange(self.max_length) >= len(ids)
        return torch.from_numpy(token_ids), torch.from_numpy(mask)

    def tokens(self, ids: list[int]) -> list[str]:
        """The pieces of text that ids stand for, as the tokenizer writes them."""
        return self.tokenizer.convert_ids_to_tokens(ids)

    def num_cut(self, expression: str) -> int:
        """Number of tokens of the expression beyond `max_length`."""
        return max(len(self.tokenizer(self._prepared(expression))["input_ids"]) - self.max_length, 0)

    def _warnings(self, expression: str, ids: list[int]) -> list[str]:
        """Reasons why a model may not understand the expression, whose complete ids are given."""
        warnings = []
        cut = len(ids) - self.max_length
        if cut > 0:
            warnings.append(f"the expression is cut after {self.max_length} tokens: {cut} more do not fit")
        if any(letter.isalpha() and not unicodedata.name(letter, "").startswith("LATIN") for letter in expression):
            warnings.append("the expression has letters of another script: the models are trained on English")
        unknown = [word for word in dict.fromkeys(WORD.findall(self._prepared(expression))) if self._is_unknown(word)]
        if unknown:
            warnings.append(f"the model does not know some words: {', '.join(unknown)}")
        return warnings

    def _is_unknown(self, word: str) -> bool:
        """True if a word has no token or is split into pieces without meaning."""
        if word not in self._unknown:
            ids = self.tokenizer(word, add_special_tokens=False)["input_ids"]
            spelled = word.isalpha() and len(ids) > 3 and len(word) < 2 * len(ids)
            # CLIP's unknown token is its end token, which no word becomes.
            self._unknown[word] = self.tokenizer.unk_token_id in ids or spelled
        return self._unknown[word]

    def _prepared(self, expression: str) -> str:
        return expression.lower() if self.lower else expression

    def _encode(self, expression: str) -> tuple[np.ndarray, list[str]]:
        if isinstance(expression, str) and expression in self._cache:
            return self._cache[expression]
        check_expression(expression)
        text = self._prepared(expression)
        ids = self.tokenizer(text)["input_ids"]
        warnings = self._warnings(expression, ids)
        if len(ids) > self.max_length:
            ids = self.tokenizer(text, truncation=True, max_length=self.max_length)["input_ids"]
        encoded = np.array(ids, dtype=np.int32), warnings
        if len(self._cache) < CACHED_EXPRESSIONS:
            self._cache[expression] = encoded
        return encoded


def check_expression(expression: object) -> None:
    """Check that an expression can be tokenized.

    Raises:
        DataError: it is not a string, is empty, or holds half of a surrogate pair.
    """
    if not isinstance(expression, str):
        raise DataError(f"an expression must be a string, got {type(expression).__name__}")
    if not expression.strip():
        raise DataError("the expression is empty")
    try:
        expression.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the expression {expression!r} is not valid Unicode: {error.reason}") from error


def load_tokenizer(tokenizer: str | Path) -> Any:
    """A Hugging Face tokenizer from local files.

    Raises:
        ConfigError: there is none, saying which files to put where.
    """
    # Imported here because they take a second, and images alone do not need them.
    from transformers import AutoTokenizer

    if Path(tokenizer).suffix in SENTENCEPIECE_SUFFIXES:
        raise ConfigError(
            f"{tokenizer} is a SentencePiece model; convert it once with tools/data/convert_tokenizer.py and set the "
            "tokenizer to the folder that it writes"
        )
    try:
        return AutoTokenizer.from_pretrained(str(tokenizer), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # damaged files make transformers fail in any way
        raise ConfigError(
            f"there is no tokenizer in {str(tokenizer)!r}: put tokenizer.json and tokenizer_config.json there "
            "(or vocab.txt for BERT, vocab.json and merges.txt for CLIP, each with config.json); that of the synthetic "
            "set comes with it: python tools/data/make_synthetic.py --out data/synthetic. That of BEiT-3 is "
            "converted from beit3.spm by tools/data/convert_tokenizer.py"
        ) from error
