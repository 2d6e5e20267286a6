"""The one loader of everything that comes from outside: checkpoints, initial weights, annotation files.

A pickle is a program, and a file from the internet must not run one. What is read here: tensors, NumPy arrays and
scalars of plain types, plain containers and ``argparse.Namespace``; anything else is refused by name. The unpickling
itself is :func:`torch.load` with ``weights_only=True`` and the allow-list below; there is no other way behind it.

Importing this module makes MMEngine read checkpoints through it too (its own loader falls back to full unpickling).
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import get_torchvision_models
from safetensors import SafetensorError
from safetensors.torch import load_file as load_safetensors
from torch.jit import _pickle as typed_lists

from rgbtvg.errors import CheckpointError

PLAIN_KINDS = "biufcSU"
"""NumPy dtype kinds that are read: an array of objects or records can be forged to point anywhere in memory."""


def load_file(path: str | Path, map_location: Any = "cpu") -> Any:
    """Read a file without executing anything in it.

    Args:
        path: ``.safetensors``, or a file of ``torch.save`` (zip or legacy format), or a TorchScript archive, of which
            the tensors are returned as a flat state dict and the code is not touched.
        map_location: as in :func:`torch.load`; a device or its name for ``.safetensors``.

    Raises:
        CheckpointError: the file is missing, broken, of no known format, or contains anything but data.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(f"no such file: {path}")
    if path.suffix == ".safetensors":
        try:
            return load_safetensors(path, device=str(map_location or "cpu"))
        except SafetensorError as error:
            raise CheckpointError(f"{path} is not a readable .safetensors file ({error})") from None
    if zipfile.is_zipfile(path):
        try:
            return _ContainerUnpickler(_zipped_pickle(path)).load()
        except Exception:
            pass  # it names a class or a tensor, or is broken: the slow and careful way tells
        scripted = _without_code(path)
        if scripted is not None:
            source, classes = scripted
            return _script_state_dict(_torch_load(path, map_location, source, classes))
    return _torch_load(path, map_location)


def load_pickle(path: str | Path) -> Any:
    """Read a bare pickle of lists, dicts, text and numbers, also one of Python 2; anything else in it is refused.

    Raises:
        CheckpointError: the file is missing, broken, or names a class or function.
    """
    path = Path(path).expanduser()
    try:
        return _ContainerUnpickler(io.BytesIO(path.read_bytes()), encoding="utf-8").load()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:
        # Broken or hostile bytes make the unpickler fail in any way; nothing of the file has been executed.
        raise CheckpointError(f"{path} is refused: it is damaged or holds more than plain data ({error})") from None


class _ContainerUnpickler(pickle.Unpickler):
    """Reads lists, dicts, text and numbers and fails at the first global; much faster than torch for long lists."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name}")


def _zipped_pickle(path: Path) -> io.BytesIO:
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl"))))


def _torch_load(path: Path, map_location: Any, source: io.BytesIO | None = None, extra: list | None = None) -> Any:
    """torch.load of `path` (or of `source`, its cleaned content); `extra` (class, name) pairs join the allow-list."""
    try:
        with torch.serialization.safe_globals([*ALLOWED, *(extra or ())]):
            return _plain(torch.load(source or path, map_location=map_location, weights_only=True))
    except (pickle.UnpicklingError, _Refused) as error:
        refused = _refused_global(path, str(error))
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else "no data"
    except Exception as error:
        # Broken or hostile bytes make the unpickler fail in any way; nothing of the file has been executed.
        refused = None
        reason = f"{type(error).__name__}: {error}".splitlines()[0].split(". ")[0]
    if refused is None:
        raise CheckpointError(f"{path} cannot be read: it is damaged or not a file of torch.save ({reason})")
    raise CheckpointError(
        f"{path} is refused: it wants to load {refused}, and only tensors, NumPy arrays, plain containers and "
        "argparse.Namespace are read. If you trust the file, save its weights alone and use that file"
    )


def _refused_global(path: Path, message: str) -> str | None:
    """What the unpickler's `message` says it refused, or else the first foreign global that the file names."""
    named = re.search(r"GLOBAL (\S+?) (?:was|whose)|unrecognized function (.+)|allowlisted.*, but got (.+)", message)
    if named:
        return next(group for group in named.groups() if group)
    return next((name for name in _named_globals(path) if name not in READABLE), None)


def _named_globals(path: Path) -> Iterator[str]:
    """Globals that the pickles of a file name, found without running any of them."""
    stream = _zipped_pickle(path) if zipfile.is_zipfile(path) else io.BytesIO(path.read_bytes())
    strings: list[str] = []
    try:
        while stream.tell() < stream.getbuffer().nbytes:
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name in ("GLOBAL", "INST"):
                    yield str(argument).replace(" ", ".")
                elif opcode.name == "STACK_GLOBAL" and len(strings) > 1:
                    yield ".".join(strings[-2:])
                elif isinstance(argument, str):
                    strings.append(argument)
    except (ValueError, UnicodeDecodeError, OverflowError):
        return  # not a pickle from here on


class _Refused(Exception):
    """A NumPy value of a type that is not read; the message has the form of torch's own."""

    def __init__(self, name: str) -> None:
        super().__init__(f"GLOBAL {name} was refused")


class _DType:
    """Stands for a ``numpy.dtype`` while unpickling: a real one could be given a forged layout."""

    def __init__(self, spec: str, align: bool = False, copy: bool = False) -> None:
        self.value = np.dtype(spec if isinstance(spec, str) else "O")
        if self.value.kind not in PLAIN_KINDS:
            raise _Refused(f"numpy.dtype({spec!r})")

    def __setstate__(self, state: tuple) -> None:
        self.value = self.value.newbyteorder(state[1])


class _Array:
    """Stands for a ``numpy.ndarray`` while unpickling, for the same reason."""

    value: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran_order, data = state
        if type(dtype) is not _DType:
            raise _Refused("numpy.ndarray of an unknown dtype")
        # Protocol 2 carries the bytes as latin-1 text under Python 2.
        data = data.encode("latin-1") if isinstance(data, str) else data
        flat = np.frombuffer(data, dtype.value) if data else np.empty(0, dtype.value)
        self.value = flat.reshape(shape, order="F" if fortran_order else "C").copy()


class _Scalar:
    """Stands for a NumPy scalar while unpickling."""

    def __init__(self, dtype: _DType, data: bytes | str = b"") -> None:
        if type(dtype) is not _DType:
            raise _Refused("numpy scalar of an unknown dtype")
        data = data.encode("latin-1") if isinstance(data, str) else data
        self.value = np.frombuffer(data, dtype.value, 1)[0]


def _reconstruct(array_type: type, shape: tuple, typecode: bytes) -> _Array:
    return _Array()


def _empty_bytes() -> bytes:
    """Protocol 2 writes ``b""`` as the call ``bytes()``; with an argument it would be a way to fill the memory."""
    return b""


class _ScriptObject:
    """Stands for any class of a TorchScript archive: its attributes and no behaviour."""


# NumPy 2 renamed numpy.core; files of both are about.
ALLOWED: list[tuple[Any, str]] = [
    (Namespace, "argparse.Namespace"),
    (_Array, "numpy.ndarray"),
    (_DType, "numpy.dtype"),
    (_empty_bytes, "builtins.bytes"),
    *((_reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((_Scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
READABLE = {name for _, name in ALLOWED} | set(torch._weights_only_unpickler._get_allowed_globals())


def _plain(value: Any) -> Any:
    """`value` with every stand-in, at any depth, replaced by the NumPy object it stands for."""
    kind = type(value)
    if kind in (_Array, _DType, _Scalar):
        return value.value
    if kind is dict or kind is OrderedDict:
        for key in [key for key in value if type(key) is _Scalar]:
            value[key.value] = value.pop(key)
        for key, item in value.items():
            if type(item) not in (torch.Tensor, str, int, float):
                value[key] = _plain(item)
    elif kind is list:
        for index, item in enumerate(value):
            if type(item) not in (torch.Tensor, str, int, float):
                value[index] = _plain(item)
    elif kind is tuple:
        return tuple(_plain(item) for item in value)
    elif kind is Namespace:
        vars(value).update(_plain(vars(value)))
    return value


def _without_code(path: Path) -> tuple[io.BytesIO, list] | None:
    """A TorchScript archive without its code, and inert stand-ins for its classes; None for other files."""
    try:
        with zipfile.ZipFile(path) as archive:
            if not any(name.endswith("/constants.pkl") for name in archive.namelist()):
                return None
            cleaned = io.BytesIO()
            with zipfile.ZipFile(cleaned, "w") as copy:
                for name in archive.namelist():
                    inner = name.split("/", 1)[-1]
                    if inner in ("data.pkl", "version", "byteorder") or inner.startswith("data/"):
                        copy.writestr(name, archive.read(name))
                    if inner == "data.pkl":
                        pickled = archive.read(name)
        opcodes = list(pickletools.genops(pickled))
    except (zipfile.BadZipFile, UnboundLocalError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: it is a damaged TorchScript archive ({error})") from None
    names = {str(argument).replace(" ", ".") for opcode, argument, _ in opcodes if opcode.name == "GLOBAL"}
    classes: list[tuple[Any, str]] = [(_ScriptObject, name) for name in names if name.startswith("__torch__.")]
    # Markers of typed lists; every one of them hands its argument back.
    classes += [
        (getattr(typed_lists, name), f"torch.jit._pickle.{name}")
        for name in ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "restore_type_tag")
    ]
    cleaned.seek(0)
    return cleaned, classes


def _script_state_dict(module: Any) -> OrderedDict[str, torch.Tensor]:
    """Tensors of a TorchScript module by their dotted names, as its ``state_dict()`` gives them."""
    state: OrderedDict[str, torch.Tensor] = OrderedDict()
    pending = [("", module)]
    while pending:
        prefix, owner = pending.pop()
        for name, value in vars(owner).items():
            if isinstance(value, torch.Tensor):
                state[prefix + name] = value
            elif isinstance(value, _ScriptObject):
                pending.append((f"{prefix}{name}.", value))
    return state


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_from_local(filename: str, map_location: Any = None) -> Any:
    checkpoint = load_file(filename, map_location or "cpu")
    # Runner.resume would execute the text under this old key as Python; nothing writes it any more.
    if isinstance(checkpoint, dict) and isinstance(checkpoint.get("meta"), dict):
        checkpoint["meta"].pop("config", None)
    return checkpoint


@CheckpointLoader.register_scheme(prefixes=("http://", "https://"), force=True)
def load_from_http(url: str, map_location: Any = None) -> Any:
    target = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
    if is_main_process() and not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(target))
        except OSError as error:
            raise CheckpointError(
                f"{url} could not be downloaded ({error}); fetch it and give the file's path"
            ) from None
    barrier()
    return load_from_local(str(target), map_location)


@CheckpointLoader.register_scheme(prefixes="torchvision://", force=True)
def load_from_torchvision(name: str, map_location: Any = None) -> Any:
    return load_from_http(get_torchvision_models()[name.removeprefix("torchvision://")], map_location)


def _refuse_scheme(name: str, map_location: Any = None) -> NoReturn:
    raise CheckpointError(f"{name} cannot be loaded directly: fetch it and give the file's path")


# What is left of MMEngine's own loaders unpickles without restriction.
CheckpointLoader.register_scheme(
    [prefix for prefix, loader in CheckpointLoader._schemes.items() if loader.__module__ != __name__],
    _refuse_scheme,
    force=True,
)
