"""Convert a SentencePiece model into a folder that Hugging Face tokenizers are loaded from; done once.

python tools/data/convert_tokenizer.py pretrain_weights/beit3.spm pretrain_weights/beit3_tokenizer

Needs the extra `sentencepiece` (pip install -e .[sentencepiece]). OneRef, SimVG and ALVG use the tokenizer of BEiT-3.
"""

import argparse
from pathlib import Path
from typing import Any

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
OWN_SPECIAL = 3
"""A model starts with three special pieces of its own."""
MASK = "<mask>"
META_SPACE = "\u2581"
UNIGRAM = 1


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="SentencePiece model, such as beit3.spm")
    parser.add_argument("out", type=Path, help="folder for tokenizer.json and tokenizer_config.json")
    return parser.parse_args()


def read_model(path: Path) -> Any:
    """The protocol-buffer message of a unigram model."""
    from rgbtvg.errors import ConfigError

    try:
        from sentencepiece.sentencepiece_model_pb2 import ModelProto
    except ImportError:
        raise ConfigError("this needs sentencepiece and protobuf: pip install -e .[sentencepiece]") from None
    from google.protobuf.message import DecodeError

    model = ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except DecodeError:
        raise ConfigError(f"{path} is not a SentencePiece model") from None
    if model.trainer_spec.model_type != UNIGRAM or len(model.pieces) <= OWN_SPECIAL:
        raise ConfigError(f"{path} is not a SentencePiece model of type unigram")
    return model


def build_tokenizer(model: Any) -> Any:
    """A tokenizer with the ids of XLM-RoBERTa, which BEiT-3 uses.

    ``<s>`` is 0, ``<pad>`` 1, ``</s>`` 2, ``<unk>`` 3; a piece with id p in the model gets p + 1, and ``<mask>`` the id
    after the last piece. An expression becomes ``<s> pieces </s>``.
    """
    from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram
    from transformers import PreTrainedTokenizerFast

    pieces = [(piece.piece, piece.score) for piece in model.pieces[OWN_SPECIAL:]]
    vocabulary = [(token, 0.0) for token in SPECIAL] + pieces + [(MASK, 0.0)]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=SPECIAL.index("<unk>")))
    options = model.normalizer_spec
    steps: list[normalizers.Normalizer] = (
        [normalizers.Precompiled(options.precompiled_charsmap)] if options.precompiled_charsmap else []
    )
    if options.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    if steps:
        tokenizer.normalizer = normalizers.Sequence(steps)
    scheme = "always" if options.add_dummy_prefix else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(META_SPACE, prepend_scheme=scheme, split=False)
    tokenizer.decoder = decoders.Metaspace(META_SPACE, prepend_scheme=scheme)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(token, SPECIAL.index(token)) for token in ("<s>", "</s>")]
    )
    names = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", mask_token=MASK)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def main() -> None:
    args = parse_args()
    tokenizer = build_tokenizer(read_model(args.model))
    tokenizer.save_pretrained(args.out)
    print(f"{len(tokenizer)} tokens written to {args.out}")
