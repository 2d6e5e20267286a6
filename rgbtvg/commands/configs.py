"""List the configs of the project, or copy one to edit.

rgbtvg configs
rgbtvg configs hivg mixup
rgbtvg configs hivg_b16 --copy my_hivg.py
"""

import argparse
from pathlib import Path

from rgbtvg.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only configs whose place or description has all of these words")
    parser.add_argument(
        "--copy", type=Path, metavar="FILE", help="write the config, with all it inherits, to this file"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.copy:
        copy(args.words, args.copy)
        return
    from rgbtvg.engine.config_files import CONFIGS, description, shipped_configs

    rows = {str(file.relative_to(CONFIGS)): description(file) for file in shipped_configs().values()}
    found = {
        place: text
        for place, text in rows.items()
        if all(word.lower() in f"{place} {text}".lower() for word in args.words)
    }
    if not found:
        raise ConfigError(f"none of the {len(rows)} configs has the words {' '.join(args.words)}")
    width = max(map(len, found)) - len(".py")
    for place, text in found.items():
        print(f"{place.removesuffix('.py'):<{width}}  {text}")


def copy(words: list[str], target: Path) -> None:
    """Write a flattened config; references stay, so that it takes the same options."""
    from rgbtvg.engine import load_config

    if len(words) != 1:
        raise ConfigError("--copy takes the name of one config")
    if target.exists():
        raise ConfigError(f"{target} exists: name another file")
    target.write_text(load_config(words[0]).pretty_text, encoding="utf-8")
    print(f"wrote {target}")
