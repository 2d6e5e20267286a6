"""BERT as a text encoder (Devlin et al. 2019), on the `transformers` implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor

from rgbtvg.checkpoints.initial import fill_module, read_initial_weights, weights_in
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.models.backbones.text_cache import TextCache
from rgbtvg.registry import MODELS
from rgbtvg.structures import TextFeatures

RENAMES = (
    (r"^(?:bert\.)?(.+)\.gamma$", r"\1.weight"),
    (r"^(?:bert\.)?(.+)\.beta$", r"\1.bias"),
    (r"^(?:bert\.)?(.+)$", r"\1"),
)
"""Names in files of Hugging Face, the first two in those converted from TensorFlow -> names in ``BertModel``."""
ARCHITECTURE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
)
"""Values of ``BertConfig`` that `arch` may set; others choose code (``attn_implementation`` downloads a kernel)."""


@MODELS.register_module()
class BertEncoder(BaseModule):
    """Hidden states of one BERT layer for every token.

    Args:
        arch: values of ``transformers.BertConfig``, of those in `ARCHITECTURE`, that differ from
            ``bert-base-uncased``.
        num_layers: how many layers are kept; the output of the last one is used. 0 gives the bare word vectors.
            The RGB-T benchmark's variants read the 11th layer of 12 by an index that is one off: 11 there.
        pretrained: directory with ``config.json`` and weights in Hugging Face's layout, read when training starts.
        average_last: the tokens are the mean over the outputs of this many last layers.
        frozen: keep every weight fixed, and dropout off. References with a frozen BERT leave its dropout on in
            training.
        cached_sentences: how many sentences a frozen encoder keeps the outputs of, in training and inference; the least
            recently used ones go first. One takes L * D * 4 bytes in float32, on the device of the model. 0 keeps none.

    Raises:
        ConfigError: `arch` sets another value, or `cached_sentences` is given to an encoder that learns.
    """

    def __init__(
        self,
        arch: dict[str, Any] | None = None,
        num_layers: int | None = None,
        pretrained: str | None = None,
        average_last: int = 1,
        frozen: bool = False,
        cached_sentences: int = 0,
    ) -> None:
        from transformers import BertConfig, BertModel  # costs every start a second where no BERT is used

        super().__init__()
        arch = arch or {}
        if unknown := sorted(arch.keys() - set(ARCHITECTURE)):
            raise ConfigError(f"arch of BertEncoder has no {unknown[0]!r}; it takes {', '.join(ARCHITECTURE)}")
        config = BertConfig(**arch)
        if num_layers is not None:
            config.num_hidden_layers = num_layers
        self.vocabulary_size = config.vocab_size
        self.bert = BertModel(config, add_pooling_layer=False)
        self.width: int = config.hidden_size
        self.pretrained = pretrained
        self.average_last = average_last
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)
        elif cached_sentences:
            raise ConfigError("cached_sentences of BertEncoder needs frozen=True: outputs change while weights learn")
        self.cache = TextCache(cached_sentences)
        self.register_load_state_dict_pre_hook(lambda encoder, *_: encoder.cache.clear())

    def train(self, mode: bool = True) -> BertEncoder:
        """Switch dropout on or off; it stays off in a frozen encoder."""
        return super().train(mode and not self.frozen)

    def init_weights(self) -> None:
        """Read the pre-trained weights.

        Raises:
            CheckpointError: the directory or its weights are missing, refused, or of another size.
        """
        if self.pretrained is None:
            return
        if not Path(self.pretrained, "config.json").is_file():
            raise CheckpointError(
                f"BERT weights not found: {self.pretrained} must be a directory with config.json and model.safetensors "
                "or pytorch_model.bin (bert-base-uncased); put it there, or set the text encoder's pretrained=None."
            )
        self.cache.clear()
        path = weights_in(Path(self.pretrained))
        fill_module(self.bert, read_initial_weights(path, "BERT"), path, "BERT", RENAMES)

    def forward(self, token_ids: Tensor, padding_mask: Tensor) -> TextFeatures:
        """(B, L) int64 and (B, L) bool, True where padded -> tokens (B, L, D)."""
        if self.cache.size and not (torch.compiler.is_compiling() or token_ids.is_meta):  # ids without values
            return self.cache(self.encode, token_ids, padding_mask)
        return self.encode(token_ids, padding_mask)

    def encode(self, token_ids: Tensor, padding_mask: Tensor) -> TextFeatures:
        """:meth:`forward` without the cache."""
        if self.bert.config.num_hidden_layers == 0:
            return TextFeatures(self.bert.embeddings.word_embeddings(token_ids), padding_mask)
        # BertModel collects hidden states in a way that torch.compile cannot trace; SDPA takes the boolean key mask.
        attended = ~padding_mask[:, None, None]  # (B, 1, 1, L)
        hidden = [self.bert.embeddings(input_ids=token_ids)]
        for layer in self.bert.encoder.layer:
            hidden.append(layer(hidden[-1], attended))
        return TextFeatures(torch.stack(hidden[-self.average_last :]).mean(0), padding_mask)
