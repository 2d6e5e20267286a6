"""Checks on a pickle that run before it is unpickled; its opcodes are read and not executed.

A short pickle can exhaust the memory: ``LONG_BINPUT 2**31`` makes CPython allocate a memo of that many entries, and a
length prefix makes it allocate that many bytes before it notices that the file ends.
"""

from __future__ import annotations

import pickletools
import re
from functools import lru_cache
from mmap import mmap

LINE, LINES = -1, -6
"""Arguments that end with a newline: one line, or two (module and name)."""
PREFIX_BYTES = {-2: 1, -3: 4, -4: 4, -5: 8}
"""`pickletools` code of a counted argument -> number of bytes that give its length."""


def _argument_sizes() -> list[int | None]:
    """Byte -> size of its opcode's argument; negative for the codes above, None if it is not an opcode."""
    sizes: list[int | None] = [None] * 256
    for opcode in pickletools.opcodes:
        size = 0 if opcode.arg is None else opcode.arg.n
        sizes[ord(opcode.code)] = LINES if opcode.name in ("GLOBAL", "INST") else size
    return sizes


SIZES = _argument_sizes()
STOP, PUT, LONG_BINPUT, STACK_GLOBAL = ord("."), ord("p"), ord("r"), 0x93
PERSISTENT = (ord("P"), ord("Q"))
TEXT = (ord("X"), 0x8C, 0x8D)
MEMO = rb"(?:q.|r....|\x94)?"
NESTED_TUPLES = re.compile(
    rb"(?s)[\x85\x86t](?:" + MEMO + rb"(?:(?:[N)\]}\x88\x89]|K.)" + MEMO + rb")?[\x85\x86t]){500}"
)
"""A tuple in a tuple in a tuple: CPython computes its hash by recursion and crashes when it is deep enough."""


@lru_cache
def _run_of_fixed_opcodes(size: int) -> re.Pattern[bytes]:
    """Matches a run of opcodes whose arguments have a fixed size; much faster than a loop.

    Args:
        size: bytes of the file, in units of 65536, which bounds the memo index.
    """
    checked = (STOP, STACK_GLOBAL, *PERSISTENT, LONG_BINPUT)
    by_size: dict[int, bytes] = {}
    for code, argument in enumerate(SIZES):
        if argument is not None and argument >= 0 and code not in checked:
            by_size[argument] = by_size.get(argument, b"") + b"\\x%02x" % code
    choices = b"|".join(b"[%s].{%d}" % (codes, argument) for argument, codes in sorted(by_size.items()))
    memo = rb"r..[\x00-\x%02x]\x00" % size if size < 256 else rb"r...[\x00-\x%02x]" % min(size >> 8, 255)
    return re.compile(b"(?s)(?:" + choices + b"|" + memo + b"){1,5000}")


def scan_pickle(data: bytes | mmap, start: int = 0) -> tuple[int, set[str]]:
    """Walk over the opcodes of one pickle.

    Args:
        data: the file.
        start: position of the pickle's first byte.

    Returns:
        Position after the pickle, and the names ``module.name`` of its globals; persistent ids, which stand for
        the tensors of torch.save, are reported as the name ``'tensor'``.

    Raises:
        ValueError: damaged, or it would allocate memory out of proportion to its size.
    """
    end, position = len(data), start
    fixed = _run_of_fixed_opcodes(end >> 16)
    names: set[str] = set()
    strings = ["", ""]
    while position < end:
        if run := fixed.match(data, position):
            position = run.end()
            continue
        code = data[position]
        size = SIZES[code]
        position += 1
        if size is None:
            break
        if size >= 0:
            if code == LONG_BINPUT:
                _check_memo(int.from_bytes(data[position : position + 4], "little"), end)
            position += size
        elif size in PREFIX_BYTES:
            prefix = PREFIX_BYTES[size]
            length = int.from_bytes(data[position : position + prefix], "little")
            position += prefix + length
            if position > end:
                raise ValueError("it announces more bytes than the file has")
            if code in TEXT and length < 200:
                strings = [strings[1], data[position - length : position].decode("utf-8", "replace")]
        else:
            line = _line(data, position)
            position += len(line) + 1
            if code == PUT:
                _check_memo(int(line), end)
            if size == LINES:
                second = _line(data, position)
                position += len(second) + 1
                names.add(f"{line.decode()}.{second.decode()}")
        if code == STOP:
            if NESTED_TUPLES.search(data, start, position):
                raise ValueError("it nests tuples too deeply")
            return position, names
        if code == STACK_GLOBAL:
            names.add(".".join(strings))
        elif code in PERSISTENT:
            names.add("tensor")
    raise ValueError("it is not a complete pickle")


def _check_memo(index: int, size: int) -> None:
    """Every entry of the memo belongs to an opcode of at least one byte."""
    if not 0 <= index <= max(size, 2**16):
        raise ValueError("it stores a value at a memo index beyond the file's size")


def _line(data: bytes | mmap, position: int) -> bytes:
    stop = data.find(b"\n", position)
    if stop < 0:
        raise ValueError("it is not a complete pickle")
    return data[position:stop]
