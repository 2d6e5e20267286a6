"""Export a trained model to ONNX or to a torch.export program."""

from rgbtvg.cli import run
from rgbtvg.commands import export

if __name__ == "__main__":
    run(export.main)
