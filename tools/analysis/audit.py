"""Find out what a model's boxes depend on."""

from rgbtvg.cli import run
from rgbtvg.commands import audit

if __name__ == "__main__":
    run(audit.main)
