"""Convert a SentencePiece model into a folder that Hugging Face tokenizers are loaded from; done once."""

from rgbtvg.cli import run
from rgbtvg.commands import convert_tokenizer

if __name__ == "__main__":
    run(convert_tokenizer.main)
