"""Write lighting classes and referring expressions for records, with a vision-language model or a template.

python tools/data/annotate.py raw.jsonl --image-root RAW --out new.jsonl --endpoint http://localhost:8000/v1 --model M
python tools/data/annotate.py raw.jsonl --image-root RAW --out new.jsonl --local FOLDER_OF_A_TRANSFORMERS_MODEL
python tools/data/annotate.py raw.jsonl --image-root RAW --out new.jsonl --template

An interrupted run continues when started again. An endpoint needs the extra `annotate`. See docs/data_tools.md.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rgbtvg.annotation import AnnotationSettings, EndpointModel, LocalModel

BOX_HELP = "corners in the text as in the benchmark, a frame in the image, or both (%(default)s)"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, help="canonical JSON lines, as tools/data/convert.py writes them")
    parser.add_argument("--image-root", type=Path, help="folder that image paths start from (default: that of RECORDS)")
    parser.add_argument("--out", type=Path, help="canonical JSON lines of the accepted records")
    who = parser.add_argument_group("model")
    who.add_argument("--endpoint", metavar="URL", help="OpenAI-compatible, such as http://localhost:8000/v1")
    who.add_argument("--model", help="name of the model at the endpoint")
    who.add_argument("--api-key-env", default="OPENAI_API_KEY", help="variable that holds the key (%(default)s)")
    who.add_argument("--local", metavar="PATH", help="a transformers vision-language model instead of an endpoint")
    who.add_argument("--template", action="store_true", help='no model: "the second car from the left", from the boxes')
    who.add_argument("--device", help="device of the local model; default: a GPU if there is one")
    who.add_argument("--max-tokens", type=int, default=200, help="maximum tokens per response (%(default)s)")
    what = parser.add_argument_group("task")
    what.add_argument("--tasks", nargs="+", default=["lighting", "expression"], choices=["lighting", "expression"])
    what.add_argument("--box", default="both", choices=["described", "drawn", "both"], help=BOX_HELP)
    what.add_argument("--thermal", action="store_true", help="show the thermal image as well")
    what.add_argument("--min-words", type=int, default=3, help="minimum words of an expression (%(default)s)")
    what.add_argument("--max-words", type=int, default=40, help="maximum words of an expression (%(default)s)")
    what.add_argument(
        "--attempts", type=int, default=3, help="requests per row until a response is accepted (%(default)s)"
    )
    what.add_argument("--limit", type=int, help="only the first records")
    what.add_argument("--dry-run", action="store_true", help="print the prompts of the first record and send nothing")
    how = parser.add_argument_group("requests")
    how.add_argument("--journal", type=Path, help="file of all responses (default: OUT with .journal.jsonl)")
    how.add_argument("--concurrency", type=int, default=4, help="concurrent requests (%(default)s)")
    how.add_argument("--requests-per-minute", type=float, help="rate limit; default: none")
    how.add_argument("--timeout", type=float, default=120, help="seconds for one request (%(default)s)")
    how.add_argument("--retries", type=int, default=6, help="retries after time-outs, 429 and 5xx (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.annotation import AnnotationSettings, annotate, describe
    from rgbtvg.datasets.canonical import read_records, write_records
    from rgbtvg.errors import ConfigError, DataError

    image_root = args.image_root or args.records.parent
    records = read_records(args.records, image_root)[: args.limit]
    if not records:
        raise DataError(f"{args.records} has no records")
    settings = AnnotationSettings(
        tasks=tuple(args.tasks),
        box=args.box,
        thermal=args.thermal,
        attempts=args.attempts,
        min_words=args.min_words,
        max_words=args.max_words,
    )
    if args.dry_run:
        show_prompts(records[0], settings)
        return
    if args.out is None or args.out.resolve() == args.records.resolve():
        raise ConfigError("name a file for the result with --out, other than that of the records")
    if args.template:
        write_proposals(args, records, image_root)
        return
    journal = args.journal or args.out.with_suffix(".journal.jsonl")
    model = make_model(args)
    with progress_bar() as advance:
        result = annotate(records, model, journal, settings, image_root, args.concurrency, advance)

    rejected = args.out.with_suffix(".rejected.jsonl")
    write_records(args.out, result.records, image_root)
    write_records(rejected, result.rejected, image_root)
    print(*describe(result), sep="\n")
    print(f"accepted: {args.out}\nrejected: {rejected}\nevery answer: {journal}")
    if result.unanswered:
        raise DataError(
            f"{len(result.unanswered)} records have no answer yet, such as {result.unanswered[0]} "
            f"({result.problem}); run the command again"
        )


def write_proposals(args: argparse.Namespace, records: list[dict], image_root: Path) -> None:
    from rgbtvg.annotation.template import propose
    from rgbtvg.datasets.canonical import write_records

    proposed = propose(records)
    write_records(args.out, proposed, image_root)
    left = len(records) - len(proposed)
    print(f"{args.out}: {len(proposed)} expressions; {left} boxes left out: left and right do not tell them apart")


def make_model(args: argparse.Namespace) -> EndpointModel | LocalModel:
    from rgbtvg.annotation import EndpointModel, LocalModel
    from rgbtvg.errors import ConfigError

    if bool(args.local) == bool(args.endpoint) or bool(args.endpoint) != bool(args.model):
        raise ConfigError("say who answers: --endpoint URL with --model NAME, or --local PATH")
    if args.local:
        return LocalModel(args.local, args.device, args.max_tokens)
    return EndpointModel(
        args.endpoint,
        args.model,
        api_key=os.environ.get(args.api_key_env),
        retries=args.retries,
        timeout=args.timeout,
        requests_per_minute=args.requests_per_minute,
        max_tokens=args.max_tokens,
    )


def show_prompts(record: dict, settings: AnnotationSettings) -> None:
    from rgbtvg.annotation import PROMPTS, make_questions

    for question in make_questions([record], settings):
        print(f"--- {PROMPTS[question.task].label}, for {record['sample_id']}")
        for turn in question.turns(settings):
            for image in turn.images:
                print(f"[{turn.role}: an image of {image.width} x {image.height} pixels]")
            print(f"[{turn.role}] {turn.text}")


def progress_bar() -> AbstractContextManager[Callable[[int, int], None]]:
    """A context that gives ``advance(finished, total)``."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    @contextmanager
    def bar() -> Iterator[Callable[[int, int], None]]:
        columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns) as progress:
            task = progress.add_task("", total=None)
            yield lambda finished, total: progress.update(task, completed=finished, total=total)

    return bar()
