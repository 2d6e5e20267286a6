"""Which files and functions of ours one training step runs through, in order, and how often it changes the file.

python tools/dev/step_path.py configs/rgbt_vgnet/rgbt_vgnet_tiny.py
python tools/dev/step_path.py configs/transvg/transvg_tiny.py --calls

It is `train_step` of one collated batch, from the preprocessor to the optimizer, without the loop and hooks of a run.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))


def step_calls(config_path: str) -> list[str]:
    """``file:function`` of every call of ours in one training step, files relative to the package."""
    from rgbtvg.engine import load_config
    from rgbtvg.engine.optim import GuardedOptimWrapper
    from rgbtvg.registry import MODELS

    config = load_config(ROOT / config_path)
    torch.manual_seed(0)
    model = MODELS.build({**config.model.to_dict(), "data_preprocessor": config.data_preprocessor.to_dict()}).train()
    if hasattr(model, "unfreeze_layers"):
        model.unfreeze_layers(1.0)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = GuardedOptimWrapper(torch.optim.AdamW(learning, lr=1e-4))
    batch = random_batch(model.streams, config.image_size, config.max_length)
    model.train_step(batch, optimizer)  # what is done once, such as imports, is no part of a step
    return calls_during(lambda: model.train_step(batch, optimizer))


def calls_during(action: Callable[[], object]) -> list[str]:
    """``file:function`` of every call of ours while an action runs, files relative to the package."""
    package, calls = str(ROOT / "rgbtvg") + "/", []

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(package) and not code.co_name.startswith("<"):
            calls.append(f"{code.co_filename.removeprefix(package)}:{qualified_name(frame)}")

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def qualified_name(frame: FrameType) -> str:
    """``Class.function`` of a method, with the class that defines it; Python 3.11 would have it in the code object."""
    code, owner = frame.f_code, frame.f_locals.get("self")
    for cls in type(owner).__mro__:
        member = vars(cls).get(code.co_name)
        if callable(member) and getattr(inspect.unwrap(member), "__code__", None) is code:
            return f"{cls.__name__}.{code.co_name}"
    return code.co_name


def random_batch(streams: Sequence[str], side: int, length: int, size: int = 4) -> dict[str, Any]:
    """A batch as the data loader gives it."""
    from rgbtvg.datasets import collate_grounding
    from rgbtvg.structures import GroundingSample

    samples = []
    for _ in range(size):
        sample = GroundingSample(metainfo=dict(sample_id="noise", input_shape=(side, side), pad_offset=(0, 0)))
        sample.token_ids = torch.arange(3, 3 + length)
        sample.token_padding_mask = torch.zeros(length, dtype=torch.bool)
        sample.gt_boxes_cxcywh = torch.tensor([[0.5, 0.5, 0.3, 0.4]])
        images = {s: torch.zeros(3 if s == "rgb" else 1, side, side, dtype=torch.uint8) for s in streams}
        samples.append(dict(inputs=images, data_samples=sample))
    return collate_grounding(samples)


def summary(calls: list[str]) -> dict[str, int]:
    """Counts of files, functions and changes of file."""
    files = [call.partition(":")[0] for call in calls]
    changes = sum(one != other for one, other in itertools.pairwise(files))
    return {"files": len(set(files)), "functions": len(set(calls)), "changes": changes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config of a model with random weights")
    parser.add_argument("--calls", action="store_true", help="list every call")
    args = parser.parse_args()
    calls = step_calls(args.config)
    for call in calls if args.calls else dict.fromkeys(calls):
        print(call)
    print(", ".join(f"{count} {name}" for name, count in summary(calls).items()))


if __name__ == "__main__":
    main()
