"""A word-level tokenizer for the synthetic expressions, saved as an ordinary Hugging Face tokenizer folder."""

from pathlib import Path

from rgbtvg.datasets.synthetic.wording import vocabulary

MAX_TOKENS = 24  # the longest expression has 14 words; start, end and room for hand-written ones


def save_tokenizer(folder: str | Path) -> None:
    """Write the tokenizer of every word the generator can say; ``AutoTokenizer.from_pretrained(folder)`` reads it.

    Lower-cases, adds [START] and [END]. [PAD] is 0 and [END] the largest id, because CLIP-like text encoders take the
    expression from the position of the largest id. The vocabulary depends on neither seed nor size of the set.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {token: index for index, token in enumerate(["[PAD]", "[UNK]", *vocabulary(), "[START]", "[END]"])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
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
    ).save_pretrained(str(folder))
