"""What a run shows on the terminal beside its log file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


@contextmanager
def console(quiet: bool) -> Iterator[None]:
    """Within it, the runs that are built show warnings only if `quiet`; log files have everything."""
    token = _QUIET.set(quiet)
    try:
        yield
    finally:
        _QUIET.reset(token)


def is_quiet() -> bool:
    """Whether :func:`console` says so."""
    return _QUIET.get()


def quieten(logger: logging.Logger) -> None:
    """Let the console of a logger show warnings only, where :func:`console` says so."""
    for handler in logger.handlers:
        if is_quiet() and not isinstance(handler, logging.FileHandler):
            handler.setLevel(logging.WARNING)
