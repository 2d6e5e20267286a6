"""Decoded and shrunk pictures on disk, so that an epoch does not decode what the one before decoded."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from rgbtvg.datasets import flir, thermal
from rgbtvg.datasets.transforms import base, loading
from rgbtvg.errors import ConfigError

HEADER = struct.Struct("<8s16sIIIIId")
"""Mark, stamp, height and width of the original, height, width and channels (0: no axis) of the pixels, scale."""
MARK = b"RGBTVG_1"
SUFFIX = ".pixels"
SHARDS = 256
CODE = (base, flir, loading, thermal)
"""What turns a file into pixels: an edit there makes every entry stale."""


class PictureCache:
    """Pictures of files, shrunk to a size, one file each; shared by any number of workers, processes and runs.

    An entry belongs to the path, to how it was read (stream, normalisation, size), to the file's size, time of its last
    change, and to the code that reads it; when one of them differs it is made anew. It is written beside, flushed and
    renamed, so a process that is killed leaves no half of it. Whoever writes holds a lock on one of 256 folders and
    counts what lies there, so the cache stays below its limit; nothing is thrown out for a newer picture, because an
    epoch asks for all of them once. A disk that is full or read-only is one warning, and pictures are then decoded as
    without a cache.

    Args:
        folder: made if it is not there; delete it to start anew.
        size: pictures are shrunk until their long side has this many pixels (PIL bilinear, antialiased), smaller ones
            are kept as they are. Twice the network's input leaves a cut enough to enlarge.
        max_gb: limit of all entries together, in 10^9 bytes.

    Raises:
        ConfigError: a size or limit that is not positive.
    """

    def __init__(self, folder: str | Path, size: int, max_gb: float = 50.0) -> None:
        if size <= 0 or max_gb <= 0:
            raise ConfigError(f"the picture cache needs a positive size and max_gb, got {size} and {max_gb}")
        self.folder = Path(folder).absolute()
        self.size = size
        self.shard_bytes = int(max_gb * 1e9 / SHARDS)
        self.writable = True
        self._is_full = False

    def picture(
        self, path: str | Path, rule: Sequence[Any], decode: Callable[[], loading.LoadedPicture]
    ) -> loading.LoadedPicture:
        """The shrunk picture of a file.

        Args:
            path: the file.
            rule: whatever else the pixels depend on.
            decode: gives the whole picture; what it raises comes through. Called where the cache has no entry.
        """
        path = os.path.abspath(path)
        try:
            stamp = self._stamp(path)
        except OSError:
            return decode()  # says what is wrong with the file
        digest = hashlib.sha256(repr((path, self.size, *rule)).encode()).hexdigest()
        entry = self.folder / digest[:2] / (digest[2:40] + SUFFIX)
        kept = _read(entry, stamp)
        if kept is None:
            kept = self._shrunk(decode())
            if self.writable:
                self._keep(entry, stamp, kept, path)
        return kept

    def _stamp(self, path: str) -> bytes:
        """Changes with the file and with the code that reads it."""
        status = os.stat(path)
        state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, _code_digest())
        return hashlib.sha256(repr(state).encode()).digest()[:16]

    def _shrunk(self, picture: loading.LoadedPicture) -> loading.LoadedPicture:
        height, width = picture.pixels.shape[:2]
        ratio = self.size / max(height, width)
        if ratio >= 1:
            return picture
        new_width, new_height = max(round(width * ratio), 1), max(round(height * ratio), 1)
        pixels = base.resize_image(picture.pixels, new_width, new_height)
        return loading.LoadedPicture(pixels, picture.ori_shape, picture.scale * ratio)

    def _keep(self, entry: Path, stamp: bytes, picture: loading.LoadedPicture, path: str) -> None:
        try:
            if stamp != self._stamp(path):  # the file was replaced while it was read
                return
            entry.parent.mkdir(parents=True, exist_ok=True)
            has_room = _write(entry, stamp, picture, self.shard_bytes)
        except OSError as error:
            self.writable = False
            self._warn(f"cannot be written ({error.strerror})")
        else:
            if not has_room and not self._is_full:
                self._is_full = True
                self._warn(f"has reached its limit of {self.shard_bytes * SHARDS / 1e9:g} GB")

    def _warn(self, reason: str) -> None:
        print_log(
            f"the picture cache in {self.folder} {reason}: training goes on and decodes what is not in it",
            logger="current",
            level=logging.WARNING,
        )


@lru_cache(maxsize=1)
def _code_digest() -> str:
    return hashlib.sha256(b"".join(Path(module.__file__).read_bytes() for module in CODE)).hexdigest()


def _read(entry: Path, stamp: bytes) -> loading.LoadedPicture | None:
    """The picture of an entry; None if there is none, an old one, or one that a failing disk has spoilt."""
    try:
        # Read, not mapped: a file that becomes shorter under a map kills the process.
        data = entry.read_bytes()
    except OSError:
        return None
    if len(data) < HEADER.size:
        return None
    mark, found, ori_height, ori_width, height, width, channels, scale = HEADER.unpack_from(data)
    if (mark, found) != (MARK, stamp) or len(data) != HEADER.size + height * width * max(channels, 1):
        return None
    shape = (height, width, channels) if channels else (height, width)
    pixels = np.frombuffer(data, np.uint8, offset=HEADER.size).reshape(shape)
    return loading.LoadedPicture(pixels, (ori_height, ori_width), scale)


def _write(entry: Path, stamp: bytes, picture: loading.LoadedPicture, shard_bytes: int) -> bool:
    """Make the entry; False if its folder has no room. Left out while another process writes there: next time, then."""
    shard = os.open(entry.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(shard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        pixels = np.ascontiguousarray(picture.pixels)
        taken = 0
        for other in os.scandir(entry.parent):
            if not other.name.endswith(SUFFIX):
                os.unlink(other.path)  # left by a process that was killed: whoever writes holds the lock
            elif other.name != entry.name:
                taken += other.stat().st_size
        if taken + HEADER.size + pixels.nbytes > shard_bytes:
            return False
        height, width, *channels = pixels.shape
        header = HEADER.pack(MARK, stamp, *picture.ori_shape, height, width, *(channels or (0,)), picture.scale)
        beside = entry.with_suffix(".part")
        try:
            with beside.open("wb") as file:
                file.write(header)
                file.write(pixels.data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(entry)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        return True
    finally:
        os.close(shard)
