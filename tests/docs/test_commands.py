"""Every command in the README and the docs: its tool exists, it takes the arguments, its config takes the options."""

from __future__ import annotations

import ast
import importlib
import re
import runpy
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from unittest import mock

import pytest

from rgbtvg.__main__ import COMMANDS
from rgbtvg.engine import load_config, parse_options

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*/README.md"))]
COMMAND = re.compile(r"^(?: {4}|\$ )((?:[A-Z_]+=\S+ )*(?:python|rgbtvg|bash|make|pip|source|torchrun|sbatch) .*)$")


def commands(page: Path) -> list[str]:
    """Commands of the indented lines of a page, continued lines joined, comments removed."""
    text = re.sub(r" *\\\n\s*", " ", page.read_text(encoding="utf-8"))
    found = [match[1] for line in text.splitlines() if (match := COMMAND.match(line))]
    return [re.sub(r"\s+#.*", "", command).strip() for command in found]


def examples(tool: Path) -> list[str]:
    """Commands in the docstring of a tool."""
    docstring = ast.get_docstring(ast.parse(tool.read_text(encoding="utf-8"))) or ""
    text = re.sub(r" *\\\n\s*", " ", docstring)
    return [line.split("  #")[0].strip() for line in text.splitlines() if line.startswith("python ")]


CASES = [pytest.param(command, id=f"{page.stem}:{command[:70]}") for page in PAGES for command in commands(page)]
CASES += [
    pytest.param(command, id=f"{tool.name}:{command[:70]}")
    for tool in sorted((ROOT / "rgbtvg/commands").glob("*.py"))
    for command in examples(tool)
]
MODULES = set(COMMANDS.values())


@lru_cache
def parser_of(tool: str) -> Callable[[], Namespace]:
    """The `parse_args` of a tool; a tool without one takes no arguments."""
    if Path(tool).stem in MODULES:
        module = vars(importlib.import_module(f"rgbtvg.commands.{Path(tool).stem}"))
    else:
        module = runpy.run_path(str(ROOT / tool)) if tool.startswith("tools/dev/") else {}
    return module.get("parse_args", ArgumentParser().parse_args)


def check_config(path: str | None, options: list[str]) -> None:
    if path and path.startswith("configs/") and "*" not in path:
        load_config(ROOT / path, parse_options(options))


@pytest.mark.parametrize("command", CASES)
def test_command_exists_and_takes_its_arguments(command, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = shlex.split(command)
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    program, first, *rest = [*words, ""] if len(words) == 1 else words
    if program == "make":
        assert re.search(rf"^{first}:", (ROOT / "Makefile").read_text(), re.MULTILINE), first
    elif program in ("pip", "source", "sbatch") or "..." in words or "…" in words:
        return
    elif program == "bash":
        assert (ROOT / first).is_file(), first
        check_config(next((word for word in rest if word.startswith("configs/")), None), [])
    elif first == "-c" or first == "-m":
        return
    else:
        if program == "rgbtvg":
            first = f"{COMMANDS[first]}.py"
        else:
            assert (ROOT / first).is_file(), first
        if "--help" in rest:
            return
        with mock.patch.object(sys, "argv", [first, *rest]):
            try:
                args = parser_of(first)()
            except SystemExit:
                pytest.fail(f"{command}\n{capsys.readouterr().err}")
        check_config(getattr(args, "config", None), getattr(args, "cfg_options", []) or [])


def test_readme_says_how_to_activate_the_environment_before_it_uses_python():
    found = commands(ROOT / "README.md")
    assert found.index("make install") < found.index("source .venv/bin/activate")
    first_python = next(number for number, command in enumerate(found) if command.startswith(("python ", "rgbtvg ")))
    assert found.index("source .venv/bin/activate") < first_python


def test_every_relative_link_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
