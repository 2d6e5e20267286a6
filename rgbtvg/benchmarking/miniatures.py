"""Making the miniature encoders again, and how far they are from those that are committed (docs/miniatures.md)."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

CONFIGS = Path("configs/pretraining")
FOLDER = Path("pretrain_weights/miniature")
DATA = Path("data/synthetic_pretraining")
PREFIXES = {
    "clip": {"image_encoder.": "image_encoder.", "text_encoder.": "text_encoder."},
    "resnet_detr": {"image_encoder.": ""},
    "swin": {"image_encoder.": ""},
    "conv": {"image_encoder.": ""},
    "darknet": {"image_encoder.": ""},
    "beit3": {"image_encoder.": ""},
    "bert": {"text_encoder.bert.": ""},
    "sentence": {"text_encoder.bert.": ""},
    "qwen": {"general.model.": ""},
}
"""Miniature -> prefixes of what is kept of its pre-training model, and what they become in the file."""
FOLDERS = ("bert", "sentence", "qwen")
"""Miniatures that are a folder of Hugging Face's layout."""
TOKENIZER = FOLDER / "tokenizer"
QWEN_START = Path("work_dirs/miniatures/qwen_start")
"""The random Qwen3-VL whose pre-training makes the miniature."""


def weights_path(name: str, folder: Path = FOLDER) -> Path:
    """The file of a miniature, which may lie in a folder of its own."""
    return folder / name / "model.safetensors" if name in FOLDERS else folder / f"{name}.safetensors"


def make(name: str, work_dir: Path, folder: Path) -> dict[str, Any]:
    """Train a miniature, or resume its training, and write file and card; returns the card."""
    from rgbtvg.engine import load_config, train
    from rgbtvg.engine.work_dir import newest_checkpoint

    config = CONFIGS / f"{name}.py"
    if name == "qwen":
        save_qwen_start()
    resumed = newest_checkpoint(work_dir) is not None
    start, cpu_start = time.monotonic(), time.process_time()
    runner = train(load_config(config, {}, work_dir), resume=True)
    checkpoint = newest_checkpoint(work_dir)
    assert checkpoint is not None
    path, kept = write_weights(name, runner.model, folder)
    scores = {key: runner.message_hub.get_scalar(f"val/{key}").current() for key in probe_names(runner)}
    card = {
        "data": json.loads((DATA / "manifest.json").read_text(encoding="utf-8")),
        "command": f"python tools/dev/miniatures.py {name}",
        "steps": runner.iter,
        "seconds": None if resumed else round(time.monotonic() - start),
        "cpu_seconds": None if resumed else round(time.process_time() - cpu_start),
        "parameters": sum(tensor.numel() for tensor in kept.values()),
        "bytes": path.stat().st_size,
        "probe": scores,
    }
    card_path(name, folder).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


def write_weights(name: str, model: Any, folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """Write what is kept of a pre-training model; returns the file and its tensors."""
    path = weights_path(name, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = encoder_weights(name, model.state_dict())
    save_file(kept, path)
    if name in ("bert", "sentence"):
        path.with_name("config.json").write_text(model.text_encoder.bert.config.to_json_string(), encoding="utf-8")
    if name == "sentence":
        shutil.copytree(TOKENIZER, path.parent, dirs_exist_ok=True)
    elif name == "qwen":
        others = shutil.ignore_patterns("*.safetensors")
        shutil.copytree(model.general.weights, path.parent, ignore=others, dirs_exist_ok=True)
    return path, kept


def save_qwen_start(folder: Path = QWEN_START) -> Path:
    """Write a small Qwen3-VL with random weights, whose tokenizer knows the words of the synthetic expressions."""
    from rgbtvg.datasets.synthetic import vocabulary
    from rgbtvg.models.general import small_qwen

    return small_qwen.save("Qwen3VL", folder, vocabulary(), width=64, spread=0.1)


def probe_names(runner: Any) -> list[str]:
    """Names of the last validation's scores."""
    return [
        key.removeprefix("val/")
        for key in runner.message_hub.log_scalars
        if key.startswith("val/") and "time" not in key
    ]


def card_path(name: str, folder: Path = FOLDER) -> Path:
    """The card of a miniature."""
    return folder / f"{name}.json"


def encoder_weights(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights to keep of a pre-training model, in half precision."""
    kept = {}
    for key, tensor in state.items():
        for prefix, replacement in PREFIXES[name].items():
            if key.startswith(prefix) and tensor.is_floating_point():
                kept[replacement + key.removeprefix(prefix)] = tensor.detach().half().contiguous()
    return kept


def difference(name: str, folder: Path) -> dict[str, float]:
    """How far a miniature in `folder` is from the committed one: scores of the probe, and its weights.

    ``weights`` is the norm of the difference of all weights over the norm of the committed ones.
    """
    new, old = (load_file(weights_path(name, place)) for place in (folder, FOLDER))
    squares = [(torch.dist(new[key].float(), old[key].float()) ** 2, old[key].float().norm() ** 2) for key in old]
    change, size = (sum(float(pair[side]) for pair in squares) for side in (0, 1))
    cards = [json.loads(card_path(name, place).read_text(encoding="utf-8"))["probe"] for place in (folder, FOLDER)]
    return {**{key: cards[0][key] - cards[1][key] for key in cards[1]}, "weights": (change / size) ** 0.5}
