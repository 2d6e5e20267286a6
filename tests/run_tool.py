"""Command lines as a user types them, without paying for a new process."""

import runpy
import sys
from pathlib import Path
from unittest import mock

TOOLS = Path(__file__).parents[1] / "tools"


def run_tool(name: str, *arguments: object) -> int:
    """Run ``tools/<name>`` with these arguments and give its exit status; capsys has what it printed."""
    with mock.patch.object(sys, "argv", [name, *map(str, arguments)]):
        try:
            runpy.run_path(str(TOOLS / name), run_name="__main__")
        except SystemExit as leave:
            return int(leave.code or 0)
    return 0
