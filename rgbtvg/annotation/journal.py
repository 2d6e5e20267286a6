"""A file of answers that survives being killed at any moment."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path
from typing import Any

from rgbtvg.errors import DataError


class Journal:
    """Entries in the order in which they came, one JSON line each; one is only ever appended.

    An entry is on the disk (fsync) before :meth:`append` returns. A line that was torn by a kill is cut off when the
    file is opened again, everything before it is kept. One process at a time may hold a journal. :meth:`append` may be
    called from any thread.

    Args:
        path: made where it does not exist.
        settings: what the entries depend on. They stand in the first line, and a file that was begun with others is
            refused rather than mixed.

    Attributes:
        entries: those of the file, then the appended ones.

    Raises:
        DataError: the file is another process's, was begun with other settings, or is damaged before its last line.
    """

    def __init__(self, path: str | Path, settings: dict[str, Any]) -> None:
        self.path = Path(path)
        self.entries: list[dict[str, Any]] = []
        self._settings = json.loads(json.dumps(settings))
        self._lock = threading.Lock()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._open()
        except BaseException:
            os.close(self._file)
            raise

    def _open(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{self.path} is in use by another process; wait for it or stop it") from None
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            os.ftruncate(self._file, len(whole))
        lines = [self._parse(line, number) for number, line in enumerate(whole.splitlines(), start=1)]
        if not lines:
            self._write({"settings": self._settings})
            _sync_folder(self.path.parent)
            return
        self._compare(lines[0].get("settings"))
        self.entries = lines[1:]

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict):
            raise DataError(f"line {number} of {self.path} is damaged; correct or delete that line")
        return entry

    def _compare(self, found: Any) -> None:
        if found == self._settings:
            return
        found = found if isinstance(found, dict) else {}
        names = sorted(found.keys() | self._settings.keys())
        differences = [
            f"{name} {found.get(name)!r} (now {self._settings.get(name)!r})"
            for name in names
            if found.get(name) != self._settings.get(name)
        ]
        raise DataError(f"{self.path} was begun with {', '.join(differences)}; go on with that, or name a new journal")

    def append(self, entry: dict[str, Any]) -> None:
        """Write an entry; it is durable when this returns."""
        with self._lock:
            self._write(entry)
            self.entries.append(entry)

    def _write(self, entry: dict[str, Any]) -> None:
        # A lone surrogate, which UTF-8 cannot hold, becomes JSON's escape of it.
        line = memoryview(json.dumps(entry, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
