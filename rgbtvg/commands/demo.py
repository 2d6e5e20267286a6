"""Find the object that an expression means in an RGB-thermal pair.

python tools/demo.py --out answer.png
python tools/demo.py rgb.png thermal.png "the warm car left of the bus" --load-from work_dirs/quickstart/best.pth --out answer.png
python tools/demo.py - thermal.png "the person at the crossing" --load-from ir_model.pth
python tools/demo.py rgb_folder thermal_folder "the warm car" --load-from work_dirs/quickstart/best.pth --out answers --json answers.jsonl
python tools/demo.py --video rgb.mp4 thermal.mp4 "the person on the left" --load-from work_dirs/quickstart/best.pth --out answer.mp4

``-`` or ``none`` stands for a missing image. Without images a pair that comes with the package is shown, and without
--load-from the model that comes with it answers: the quickstart's, which knows synthetic streets only.
"""  # noqa: E501

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rgbtvg.cli import add_cfg_options, add_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rgb", nargs="?", help="RGB image, folder of RGB images, or -")
    parser.add_argument("thermal", nargs="?", help="thermal image, folder of thermal images with equal names, or -")
    parser.add_argument("expression", nargs="?", help="the expression")
    add_config(parser, "config; default: the one in the checkpoint")
    parser.add_argument("--load-from", metavar="CHECKPOINT", help="checkpoint or ONNX file; zero-shot models need none")
    parser.add_argument(
        "--out", metavar="FILE", help="write the drawn result here (.png, .jpg; a folder for folders; .mp4 for videos)"
    )
    parser.add_argument("--video", action="store_true", help="the two files are videos whose frames belong together")
    parser.add_argument("--smoothing", type=float, default=0.0, help="of boxes in a video, 0 (none) to 1 (%(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON lines, one per image pair or frame")
    parser.add_argument("--device", help="such as cuda:1 or cpu; default: a GPU if there is one")
    parser.add_argument(
        "--candidates", type=int, metavar="N", help="boxes at most, of methods that have several; default: the answer"
    )
    add_cfg_options(parser)
    args = parser.parse_args()
    if args.rgb is not None and args.expression is None:
        parser.error("name RGB image, thermal image and expression, or none of them for a pair of the package")
    return args


def main() -> None:
    args = parse_args()
    from rgbtvg import GroundingInferencer
    from rgbtvg.apis.shipped import shipped_inferencer, shipped_pairs
    from rgbtvg.engine import parse_options

    weights, options = [path for path in (args.config, args.load_from) if path], parse_options(args.cfg_options)
    if weights:
        inferencer = GroundingInferencer(*weights, device=args.device, options=options, candidates=args.candidates)
    else:
        inferencer = shipped_inferencer(args.device, options, args.candidates)
        print("no --load-from: the quickstart's model answers, which knows synthetic streets only")
    if args.rgb is None:
        args.rgb, args.thermal, args.expression = map(str, shipped_pairs()[0])
    rgb, thermal = (None if path in ("-", "none") else path for path in (args.rgb, args.thermal))
    if args.video:
        ground_frames(inferencer, rgb, thermal, args)
        return
    inferencer.logs_warnings = False  # the summary has them
    if any(path is not None and Path(path).is_dir() for path in (rgb, thermal)):
        ground_folders(inferencer, rgb, thermal, args)
        return
    result = inferencer(rgb, thermal, args.expression)
    print(result.summary())
    if args.out:
        result.save(args.out)
        print(f"wrote {args.out}")
    if args.json:
        Path(args.json).write_text(f"{result.to_json()}\n", encoding="utf-8")


def ground_folders(inferencer: Any, rgb: str | None, thermal: str | None, args: argparse.Namespace) -> None:
    """Ground the expression in every pair of two folders, one after the other."""
    from rgbtvg.datasets.image_folder import image_pairs

    pairs = image_pairs(rgb, thermal)
    results = inferencer.stream((first, second, args.expression) for first, second in pairs)
    with ExitStack() as stack:
        if args.json:
            results = logged(results, stack.enter_context(open(args.json, "w", encoding="utf-8")))
        for result in results:
            print(f"{result.name}:", *result.summary().splitlines(), sep="\n  ")
            if args.out:
                Path(args.out).mkdir(parents=True, exist_ok=True)
                result.save(Path(args.out, result.name).with_suffix(".png"))
    print(f"{len(pairs)} pairs" + (f"; images in {args.out}" if args.out else ""))


def ground_frames(inferencer: Any, rgb: str | None, thermal: str | None, args: argparse.Namespace) -> None:
    """Ground the expression in a paired video; write the frames and their results."""
    from rgbtvg.apis.video import frame_rate, ground_video, write_video
    from rgbtvg.errors import ConfigError

    if not args.out:
        raise ConfigError("--video needs --out FILE.mp4")
    results = ground_video(inferencer, rgb, thermal, args.expression, args.smoothing)
    with ExitStack() as stack:
        if args.json:
            results = logged(results, stack.enter_context(open(args.json, "w", encoding="utf-8")))
        count = write_video(results, args.out, frame_rate(rgb or thermal or ""))
    print(f"wrote {args.out}: {count} frames")


def logged(results: Any, file: Any) -> Any:
    """Pass results on, writing each as a line of JSON."""
    for result in results:
        file.write(f"{result.to_json()}\n")
        yield result
