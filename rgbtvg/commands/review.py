"""Accept, edit or reject expressions by keyboard on a local web page.

python tools/data/review.py new.jsonl --image-root RAW --out reviewed.jsonl

Every decision is saved in a journal; run the command again to continue. Ctrl-C writes the result and ends.
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, help="canonical JSON lines with expressions")
    parser.add_argument("--image-root", type=Path, help="folder that image paths start from (default: that of RECORDS)")
    parser.add_argument("--out", type=Path, required=True, help="canonical JSON lines of accepted and edited records")
    parser.add_argument("--journal", type=Path, help="file of the decisions (default: OUT with .review.jsonl)")
    parser.add_argument(
        "--port", type=int, default=7870, help="port of the page; 0 takes a free one (default %(default)s)"
    )
    parser.add_argument(
        "--export", action="store_true", help="write the result of the journal without serving the page"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.annotation import Journal, Review, ReviewServer
    from rgbtvg.datasets.canonical import read_records, write_records
    from rgbtvg.errors import ConfigError, DataError

    if args.out.resolve() == args.records.resolve():
        raise ConfigError("the result must be another file than the records")
    image_root = args.image_root or args.records.parent
    records = read_records(args.records, image_root)
    if not records:
        raise DataError(f"{args.records} has no records")
    with Journal(args.journal or args.out.with_suffix(".review.jsonl"), {"kind": "review"}) as journal:
        review = Review(records, journal)
        if args.export:
            if not review.result():
                raise DataError(
                    f"nothing of {args.records} is accepted yet: decide on the page first, without --export"
                )
            write_records(args.out, review.result(), image_root)
        else:
            with ReviewServer(review, args.out, image_root, args.port) as server:
                print(f"open {server.url} in a browser of this machine; Ctrl-C writes {args.out} and ends", flush=True)
                try:
                    server.serve_forever()
                except KeyboardInterrupt:
                    print()
                server.export()
        progress = review.progress()
    print(
        f"{progress['accept']} accepted, {progress['edit']} edited, {progress['reject']} rejected, "
        f"{progress['all'] - sum(progress[name] for name in ('accept', 'edit', 'reject'))} open of {progress['all']}\n"
        f"{args.out} holds {progress['accept'] + progress['edit']} records"
    )
