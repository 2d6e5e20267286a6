"""Imports go downwards only, in the order of docs/architecture.md; imports inside functions count too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules() -> dict[str, Path]:
    """Dotted name of every module of the package -> its file."""
    files = (path.relative_to(ROOT) for path in (ROOT / "rgbtvg").rglob("*.py"))
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): ROOT / path for path in files}


def imports(path: Path) -> Iterator[str]:
    """Modules and names of the package that a file imports anywhere, except for type checkers."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(ast.walk(node))
        if node in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "rgbtvg":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "rgbtvg")


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def test_rooms_import_lower_rooms_only():
    (line,) = re.findall(r"^ +(structures < .+ < tools)$", (ROOT / "docs/architecture.md").read_text(), flags=re.M)
    order = line.split(" < ")
    folders = {path.name for path in (ROOT / "rgbtvg").iterdir() if (path / "__init__.py").exists()}
    assert folders == set(order) - {"tools"}, "docs/architecture.md does not list every room"
    rank = {name: number for number, name in enumerate(order)}  # single files of the package are below all rooms
    upward = [
        f"{name} imports {target}"
        for name, path in modules().items()
        for target in imports(path)
        if name != "rgbtvg" and rank.get(room(target), -1) > rank.get(room(name), -1)
    ]
    assert not upward, "imports that go upwards:\n" + "\n".join(upward)


def test_no_modules_import_each_other():
    known = modules()
    graph = {}
    for name, path in known.items():
        targets = (target if target in known else target.rpartition(".")[0] for target in imports(path))
        graph[name] = {target for target in targets if target in known and known[target].name != "__init__.py"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
