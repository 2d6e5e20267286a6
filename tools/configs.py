"""List the configs of the project, or copy one to edit."""

from rgbtvg.cli import run
from rgbtvg.commands import configs

if __name__ == "__main__":
    run(configs.main)
