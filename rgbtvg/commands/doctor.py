"""Print what a question about a failure needs to know: versions, devices, extras, and files in their usual places."""

import argparse
import os
import platform
import shutil
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

EXTRAS = {
    "demo": ["gradio"],
    "annotate": ["openai"],
    "export": ["onnx", "onnxruntime", "onnxscript"],
    "plot": ["matplotlib"],
    "sentencepiece": ["sentencepiece"],
    "loggers": ["tensorboard", "wandb", "mlflow"],
    "mmdet": ["mmdet"],
}
"""Extra -> modules that it installs."""
PACKAGES = ("torchvision", "transformers", "timm", "numpy", "opencv-python", "pillow", "onedl-mmengine", "onedl-mmcv")


def parse_args() -> argparse.Namespace:
    return argparse.ArgumentParser(description=__doc__).parse_args()


def main() -> None:
    parse_args()
    import torch

    import rgbtvg
    from rgbtvg.engine.config_files import CONFIGS, shipped_configs

    show("rgbtvg", f"{rgbtvg.__version__} in {Path(rgbtvg.__file__).parent}")
    show("Python", f"{platform.python_version()} ({sys.executable}), {platform.platform()}")
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    show("PyTorch", f"{torch.__version__}, GPUs: {', '.join(gpus) or 'none'}, {os.cpu_count()} CPU cores")
    show("packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES))
    for name in ("mmengine", "mmcv", "mmdet"):
        if version(name) != "missing":
            show("problem", f"{name} overwrites the maintained fork onedl-{name}: pip uninstall {name}, then reinstall")
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        show(f"extra {extra}", f"missing {', '.join(missing)}" if missing else "installed")
    show("configs", f"{len(shipped_configs())} in {CONFIGS}")
    for folder in ("pretrain_weights", "data", "work_dirs"):
        found = sorted(path.name for path in Path(folder).glob("*") if path.name != "README.md")
        show(f"./{folder}", ", ".join(found[:8]) + ", ..." * (len(found) > 8) or "empty or absent")
    show("free disk", f"{shutil.disk_usage('.').free / 2**30:.0f} GiB")


def show(title: str, text: str) -> None:
    """Print a line of the report."""
    print(f"{title:<20} {text}")


def version(package: str) -> str:
    """Version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"
