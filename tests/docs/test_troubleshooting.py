"""docs/troubleshooting.md: every message that it explains is one that the package writes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from rgbtvg.__main__ import COMMANDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
FOREIGN = {"No module named 'mmcv._ext'", "CUDA out of memory"}


def texts() -> str:
    """Every literal part of a string in the package."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "rgbtvg").rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return "\n".join(node.value for node in nodes if isinstance(node.value, str))


def test_every_message_exists():
    known = texts()
    messages = [cell for row in re.findall(r"^\| (.*?) \|", PAGE, re.M) for cell in re.findall(r"`([^`]+)`", row)]
    assert len(messages) > 30
    assert [message for message in messages if message not in known and message not in FOREIGN] == []


def test_every_command_exists():
    assert set(re.findall(r"`rgbtvg ([a-z-]+)", PAGE)) <= set(COMMANDS)
