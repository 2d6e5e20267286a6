"""Loading of files from untrusted sources: checkpoints, initial weights and annotations.

Tensors, NumPy arrays and scalars of plain types, plain containers and ``argparse.Namespace`` are read; anything else is
refused by name. ``.safetensors`` files are read by safetensors, everything else by :func:`torch.load` with
``weights_only=True`` and the allow-list below, after checks that a file cannot expand out of proportion to its size.
"""

from __future__ import annotations

import io
import mmap
import pickle
import threading
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file as load_safetensors

from rgbtvg.errors import CheckpointError
from rgbtvg.pickle_scan import scan_pickle

PLAIN_KINDS = "biufcSU"
"""NumPy dtype kinds that are read: an array of objects or records can be forged to point anywhere in memory."""
MAX_EXPANSION = 16
"""The tensors of a file may have at most this many times the bytes of the file (tensors may share their storage)."""
MIN_EXPANSION = 2**20
"""Bytes that the tensors of a small file may have in any case."""
LEGACY_PICKLES = 5
"""A file of torch.save before 1.6 starts with this many pickles: magic number, version, system, data, storage keys."""
LOCK = threading.Lock()
"""PyTorch's list of safe globals belongs to the process; threads that load at the same time take turns."""


def load_file(path: str | Path, map_location: Any = "cpu") -> Any:
    """Read a file without executing anything in it.

    Args:
        path: ``.safetensors``, or a file of ``torch.save`` (zip or legacy format).
        map_location: as in :func:`torch.load`; a device or its name for ``.safetensors``.

    Raises:
        CheckpointError: the file is missing, damaged, of an unknown format, contains anything but data, or would expand
            out of proportion to its size.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(f"no such file: {path}")
    if path.suffix == ".safetensors":
        try:
            return load_safetensors(path, device=str(map_location or "cpu"))
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is not a readable .safetensors file ({error})") from None
    try:
        pickled = _zipped_pickle(path) if zipfile.is_zipfile(path) else None
        names = _scan_legacy(path) if pickled is None else scan_pickle(pickled)[1]
        _check_names(path, names)
        if pickled is not None and not names:
            return _PlainUnpickler(io.BytesIO(pickled)).load()  # much faster than torch for long lists
        with LOCK, torch.serialization.safe_globals([*ALLOWED]):
            content = torch.load(path, map_location=map_location, weights_only=True)
        content = _plain(content, {})
        _check_expansion(content, path)
        return content
    except CheckpointError:
        raise
    except Exception as error:
        # Damaged or hostile bytes make the readers fail in any way; nothing of the file has been executed.
        raise CheckpointError(
            f"{path} cannot be read: it is damaged or not a file of torch.save ({first_line(error)})"
        ) from None


def load_pickle(path: str | Path) -> Any:
    """Read a pickle of lists, dicts, text and numbers, also one of Python 2; anything else in it is refused.

    Raises:
        CheckpointError: the file is missing, damaged, or names a class or function.
    """
    path = Path(path).expanduser()
    try:
        data = path.read_bytes()
        _, names = scan_pickle(data)
        if names:
            raise ValueError(min(names))
        return _PlainUnpickler(io.BytesIO(data), encoding="utf-8").load()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:
        raise CheckpointError(
            f"{path} is refused: it is damaged or holds more than plain data ({first_line(error)})"
        ) from None


def first_line(error: Exception) -> str:
    """The first sentence of an error, on one line."""
    return " ".join(str(error).split()).split(". ")[0] or type(error).__name__


class _PlainUnpickler(pickle.Unpickler):
    """Reads lists, dicts, text and numbers, and fails at the first global."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name}")


def _zipped_pickle(path: Path) -> bytes:
    """The pickle in a zip file of torch.save, which stores its entries without compression."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.filename.endswith("/constants.pkl") for entry in entries):
            raise CheckpointError(
                f"{path} is refused: it is a TorchScript archive, which contains code. If you trust its source, save "
                "its weights alone: python -c \"import torch; torch.save(torch.jit.load('IN.pt', "
                "map_location='cpu').state_dict(), 'OUT.pth')\""
            )
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise CheckpointError(f"{path} is refused: it is a compressed archive, which torch.save never writes")
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise CheckpointError(f"{path} is refused: its parts are larger than the file")
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


def _scan_legacy(path: Path) -> set[str]:
    """Globals of a legacy file of torch.save."""
    names: set[str] = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        position = 0
        for _ in range(LEGACY_PICKLES):
            position, found = scan_pickle(data, position)
            names |= found
            _check_names(path, names)
    return names


def _check_names(path: Path, names: set[str]) -> None:
    refused = sorted(names - READABLE)
    if refused:
        raise CheckpointError(
            f"{path} is refused: it wants to load {refused[0]}, and only tensors, NumPy arrays, plain containers and "
            "argparse.Namespace are read. If you trust the file, save its weights alone and use that file"
        )


def _check_expansion(content: Any, path: Path) -> None:
    """Bound the size of all tensors; a stride of 0 makes any shape of one stored number."""
    limit = max(path.stat().st_size * MAX_EXPANSION, MIN_EXPANSION)
    pending, seen, size = [content], set(), 0
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            size += value.numel() * value.element_size()
        elif isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, (list, tuple)):
            pending += value
    if size > limit:
        raise CheckpointError(f"{path} is refused: its tensors have {size} bytes, out of proportion to the file's size")


class _Refused(ValueError):
    """A NumPy value of a type that is not read."""


class _DType:
    """Placeholder of a ``numpy.dtype`` while unpickling: a real one could be given a forged layout."""

    def __init__(self, spec: str, align: bool = False, copy: bool = False) -> None:
        self.value = np.dtype(spec if isinstance(spec, str) else "O")
        if self.value.kind not in PLAIN_KINDS:
            raise _Refused(f"numpy.dtype({spec!r})")

    def __setstate__(self, state: tuple) -> None:
        self.value = self.value.newbyteorder(state[1])


class _Array:
    """Placeholder of a ``numpy.ndarray`` while unpickling, for the same reason."""

    value: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran_order, data = state
        self.value = _from_bytes(dtype, data).reshape(shape, order="F" if fortran_order else "C").copy()


class _Scalar:
    """Placeholder of a NumPy scalar while unpickling."""

    def __init__(self, dtype: _DType, data: bytes | str = b"") -> None:
        self.value = _from_bytes(dtype, data)[0]


def _from_bytes(dtype: _DType, data: bytes | str) -> np.ndarray:
    """(N,) values of a dtype; protocol 2 carries bytes as latin-1 text under Python 2."""
    if type(dtype) is not _DType:
        raise _Refused("numpy value of an unknown dtype")
    data = data.encode("latin-1") if isinstance(data, str) else data
    return np.frombuffer(data, dtype.value) if data else np.empty(0, dtype.value)


def _reconstruct(array_type: type, shape: tuple, typecode: bytes) -> _Array:
    return _Array()


def _empty_bytes() -> bytes:
    """Protocol 2 writes ``b""`` as the call ``bytes()``; with an argument it would be a way to fill the memory."""
    return b""


# NumPy 2 renamed numpy.core; files of both exist.
ALLOWED: list[tuple[Callable[..., Any], str]] = [
    (Namespace, "argparse.Namespace"),
    (_Array, "numpy.ndarray"),
    (_DType, "numpy.dtype"),
    (_empty_bytes, "builtins.bytes"),
    *((_reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((_Scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
TORCH_NAMES = set(torch._weights_only_unpickler._get_allowed_globals()) - {"builtins.bytearray"}
"""Globals that PyTorch allows itself; ``bytearray(10**12)`` would fill the memory."""
READABLE = (
    {name for _, name in ALLOWED}
    | TORCH_NAMES
    | {"tensor", "__builtin__.bytes", "__builtin__.set", "__builtin__.complex"}
)


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """`value` with every placeholder replaced by its NumPy object; `done` holds shared containers by id."""
    kind = type(value)
    if kind in (_Array, _DType, _Scalar):
        return value.value
    if kind not in (dict, OrderedDict, list, tuple, Namespace):
        return value
    if id(value) in done:
        return done[id(value)]
    done[id(value)] = value
    if kind is tuple:
        value = done[id(value)] = tuple(_plain(item, done) for item in value)
    elif kind is list:
        value[:] = [_plain(item, done) for item in value]
    elif kind is Namespace:
        _plain(vars(value), done)
    else:
        for key in [key for key in value if type(key) is _Scalar]:
            value[key.value] = value.pop(key)
        for key, item in value.items():
            value[key] = _plain(item, done)
    return value
