"""One prepared check of a GPU: speed, memory, numbers and a loss curve, within minutes; see ``gpu_check.sh``.

On a CPU everything runs at tiny size, to show that it runs.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch.utils.data import DataLoader

from rgbtvg.benchmarking.benchmark import PlainCLIP
from rgbtvg.benchmarking.cost import peak_memory_gb, random_inputs, random_samples, synchronise
from rgbtvg.benchmarking.loading_benchmark import LoadingDataset
from rgbtvg.datasets.collate import collate_grounding
from rgbtvg.engine.acceleration import accelerate, prefer_fused
from rgbtvg.engine.config import load_config
from rgbtvg.engine.config_files import shipped_configs
from rgbtvg.models.grounders import BaseGrounder
from rgbtvg.registry import MODELS, OPTIM_WRAPPERS

FULL = ("rgbt_vgnet_b16", "hivg_b16", "clip_vg_b16", "transvg_r50", "oneref_b16", "simvg_b32")
TINY = ("rgbt_vgnet_tiny", "hivg_tiny", "clip_vg_tiny", "transvg_tiny", "oneref_tiny", "simvg_tiny")
MODES = ("fp32", "bf16", "bf16 + compile")
BATCH = 32
LOADED_PAIRS = 256
CURVE_STEPS = 200
BOX_TOLERANCE = 1e-3


class Check:
    """The figures of one machine.

    Args:
        full: models at their own sizes on a GPU; tiny ones otherwise.
        names: configs to measure; by default those of the six methods of the table.
        compared: configs whose boxes are compared with the CPU's; by default the tiny one of every method.
        seconds: after which no further compiled model is begun.
    """

    def __init__(
        self,
        full: bool,
        names: Sequence[str] | None = None,
        compared: Sequence[str] | None = None,
        seconds: float = 420.0,
    ) -> None:
        self.full = full
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.batch = BATCH if full else 2
        self.steps = 10 if full else 1
        self.end = time.monotonic() + seconds
        self.names = names or (FULL if full else TINY)
        self.compared = compared or tiny_configs()
        self.backend = "inductor" if self.device == "cuda" else "eager"  # a CPU may have no compiler

    def run(self) -> dict[str, Any]:
        """Everything; what there is no time for is left out and named."""
        begin = time.monotonic()
        figures: dict[str, Any] = {"machine": self.machine(), "models": {}, "left_out": []}
        for mode in MODES:
            for name in self.names:
                if mode.endswith("compile") and time.monotonic() > self.end:
                    figures["left_out"].append(f"{name}, {mode}")
                else:
                    figures["models"].setdefault(name, {})[mode] = self.speed(name, mode)
            if mode == "fp32":
                figures["boxes"] = {name: self.box_difference(name) for name in self.compared}
                figures["loading"] = self.loading()
        figures["curves"] = self.curves()
        figures["seconds"] = time.monotonic() - begin
        return figures

    def machine(self) -> dict[str, Any]:
        """What it ran on."""
        name = torch.cuda.get_device_name() if self.device == "cuda" else "CPU"
        facts = {"device": name, "cores": os.cpu_count(), "torch": torch.__version__, "batch_size": self.batch}
        return facts | {"size": "own sizes" if self.full else "tiny", "compiler": self.backend}

    def speed(self, name: str, mode: str) -> dict[str, float]:
        """Pairs per second and peak memory of training and inference, and of a plain CLIP beside it."""
        torch._dynamo.reset()
        config = load_config(name)
        model, trained = self.trained(config)
        inputs = random_inputs(model, config.image_size, config.max_length, self.batch, self.device)
        samples = random_samples(inputs)
        if mode.endswith("compile"):
            model.compile_graphs(backend=self.backend)
        clip = PlainCLIP(self.device, self.batch, layers=12 if self.full else 1)

        def train() -> None:
            with self.precision(mode):
                losses = model.loss(inputs, samples)
            trained.update_params(model.parse_losses(losses)[0])

        def infer() -> None:
            if hasattr(model, "text_cache"):
                model.text_cache.clear()
            with torch.no_grad(), self.precision(mode):
                model.encode(inputs)

        def clip_train() -> None:
            with self.precision(mode):
                clip.training()

        def clip_infer() -> None:
            with self.precision(mode):
                clip.inference(self.batch)

        figures = {}
        for kind, run, beside in (("train", train, clip_train), ("inference", infer, clip_infer)):
            model.train(kind == "train")
            first = time.perf_counter()
            run()
            synchronise()
            figures[f"{kind}_first_s"] = time.perf_counter() - first
            figures[f"{kind}_pairs_per_s"] = self.batch / self.seconds(run)
            figures[f"{kind}_peak_gb"] = peak_memory_gb(run)
            figures[f"{kind}_clip_pairs_per_s"] = self.batch / self.seconds(beside)
        return figures

    def trained(self, config: Config) -> tuple[BaseGrounder, Any]:
        """A model with random weights and every layer open, and its optimizer, as a run builds them."""
        torch.manual_seed(0)
        model: BaseGrounder = MODELS.build(copy.deepcopy(config.model)).to(self.device)
        torch.set_float32_matmul_precision("high")
        accelerate(model)
        if hasattr(model, "unfreeze_layers"):
            model.unfreeze_layers(1.0)
        optimizer = prefer_fused(dict(type="AdamW", lr=1e-4))
        learning = [p for p in model.parameters() if p.requires_grad]
        built = getattr(torch.optim, optimizer.pop("type"))(learning, **optimizer)
        return model.train(), OPTIM_WRAPPERS.build(dict(type="GuardedOptimWrapper", optimizer=built))

    def precision(self, mode: str) -> torch.autocast:
        """Autocast of a mode."""
        return torch.autocast(self.device, torch.bfloat16, enabled=mode != "fp32")

    def seconds(self, run: Callable[[], Any]) -> float:
        """Mean time of a few steps that follow each other without waiting, after one that warms up."""
        run()
        synchronise()
        begin = time.perf_counter()
        for _ in range(self.steps):
            run()
        synchronise()
        return (time.perf_counter() - begin) / self.steps

    @torch.no_grad()
    def box_difference(self, name: str) -> float:
        """Largest difference between the boxes of the CPU and of this device in float32 without TF32."""
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        config = load_config(name)
        torch.manual_seed(0)
        model: BaseGrounder = MODELS.build(copy.deepcopy(config.model)).eval()
        boxes = []
        for device in ("cpu", self.device):
            inputs = random_inputs(model.to(device), config.image_size, config.max_length, 4, device)
            boxes.append(model.encode(inputs)["pred_boxes_cxcywh"].float().cpu())
        torch.set_float32_matmul_precision(before)
        return (boxes[0] - boxes[1]).abs().max().item()

    def loading(self) -> dict[str, float]:
        """Pairs per second of the training pipeline on all cores, files of 1280 x 960 and 1024 x 768 mixed."""
        workers = (os.cpu_count() or 1) if self.full else 0
        with tempfile.TemporaryDirectory(prefix="rgbtvg_gpu_check_") as folder:
            pairs = LoadingDataset(load_config(self.names[0]), Path(folder), LOADED_PAIRS if self.full else 4)
            loader = DataLoader(pairs, self.batch, num_workers=workers, collate_fn=collate_grounding)
            list(loader)  # starts the workers and fills the file cache
            begin = time.perf_counter()
            list(loader)
            return {"workers": workers, "pairs_per_s": len(pairs) / (time.perf_counter() - begin)}

    def curves(self) -> dict[str, list[float]]:
        """Losses of the tiny RGBT-VGNet on four batches in turn, in fp32 and in bf16 + compile."""
        steps = CURVE_STEPS if self.full else 3
        curves = {}
        for mode in (MODES[0], MODES[-1]):
            config = load_config("rgbt_vgnet_tiny")
            model, optimizer = self.trained(config)
            if mode.endswith("compile"):
                torch._dynamo.reset()
                model.compile_graphs(backend=self.backend)
            inputs = random_inputs(model, config.image_size, config.max_length, 8, self.device)
            samples, losses = random_samples(inputs), []
            for step in range(steps):
                torch.manual_seed(step)
                with self.precision(mode):
                    terms = model.loss(inputs, samples)
                total, _ = model.parse_losses(terms)
                optimizer.update_params(total)
                losses.append(total.detach())
            curves[mode] = torch.stack(losses).tolist()
        return curves


def tiny_configs() -> list[str]:
    """Names of the tiny configs, one per method."""
    return [name for name, path in shipped_configs().items() if name == f"{path.parent.name}_tiny"]


def table(figures: dict[str, Any]) -> str:
    """Markdown for docs/results.md."""
    machine = figures["machine"]
    lines = [
        f"{machine['device']}, {machine['cores']} CPU cores, PyTorch {machine['torch']}, {machine['size']}, batch "
        f"{machine['batch_size']}; {figures['seconds']:.0f} s in all. In brackets: a plain CLIP-B/16 of `transformers` "
        "at 224 px in the same process.",
        "",
        "| model | mode | training, pairs/s | peak GB | inference, pairs/s | peak GB |",
        "|---|---|---|---|---|---|",
    ]
    for name, modes in figures["models"].items():
        for mode, row in modes.items():
            cells = [f"| {name} | {mode} |"]
            for kind in ("train", "inference"):
                cells.append(f"{row[f'{kind}_pairs_per_s']:.1f} ({row[f'{kind}_clip_pairs_per_s']:.1f}) |")
                cells.append(f"{row[f'{kind}_peak_gb']:.2f} |")
            lines.append(" ".join(cells))
    worst = max(figures["boxes"], key=figures["boxes"].get)
    exact, mixed = (torch.tensor(figures["curves"][mode]) for mode in (MODES[0], MODES[-1]))
    gap = ((mixed - exact).abs() / exact).max().item()
    loading = figures["loading"]
    lines += [
        "",
        f"- Loading: {loading['pairs_per_s']:.0f} pairs/s by {loading['workers']} workers.",
        f"- Boxes on the CPU and here differ by at most {figures['boxes'][worst]:.1e} ({worst}; "
        f"{len(figures['boxes'])} methods; {BOX_TOLERANCE:g} is allowed).",
        f"- {len(exact)} steps in {MODES[-1]} stay within {gap:.1%} of the loss in fp32.",
    ]
    if figures["left_out"]:
        lines.append(f"- Not measured for want of time: {'; '.join(figures['left_out'])}.")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", default="work_dirs/gpu_check", help="folder (default work_dirs/gpu_check)")
    out = Path(parser.parse_args().out)
    out.mkdir(parents=True, exist_ok=True)
    figures = Check(full=torch.cuda.is_available()).run()
    (out / "gpu_check.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    (out / "gpu_check.md").write_text(table(figures), encoding="utf-8")
    print(table(figures))
    if max(figures["boxes"].values()) > BOX_TOLERANCE:
        raise SystemExit(f"boxes differ by more than {BOX_TOLERANCE:g} between the CPU and this device")


if __name__ == "__main__":
    main()
