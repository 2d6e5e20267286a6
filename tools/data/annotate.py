"""Write lighting classes and referring expressions for records, with a vision-language model."""

from rgbtvg.cli import run
from rgbtvg.commands import annotate

if __name__ == "__main__":
    run(annotate.main)
