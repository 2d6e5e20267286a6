"""Configs are shallow, uniquely named and documented."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "configs"
FILES = sorted(ROOT.rglob("*.py"))
RUNNABLE = [path for path in FILES if not {"_base_", "comparisons"} & set(path.parts)]


def bases(path: Path) -> list[Path]:
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "_base_":
            return [(path.parent / name).resolve() for name in ast.literal_eval(statement.value)]
    return []


def depth(path: Path) -> int:
    return 1 + max((depth(base) for base in bases(path)), default=0)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_at_most_three_levels(path):
    """An experiment inherits one method config, which inherits files of `_base_`."""
    assert depth(path) <= 3
    methods = [base for base in bases(path) if "_base_" not in base.parts]
    assert len(methods) <= 1
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_names_are_unique():
    """A run writes to ``work_dirs/<name of the config>``."""
    assert not [name for name, count in Counter(path.stem for path in RUNNABLE).items() if count > 1]


def test_rows_are_short():
    """A row states what it changes, in a few lines."""
    rows = [path for path in RUNNABLE if path.parent.parent.name == "rgbt_vgnet"]
    assert rows
    assert not [path.stem for path in rows if len(path.read_text().splitlines()) > 17]
