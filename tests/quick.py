"""Matrices of which the ordinary suite runs a few representatives."""

from collections.abc import Container, Iterable
from typing import Any

import pytest


def mostly_slow(cases: Iterable[Any], quick: Container[Any]) -> list[Any]:
    """Parameters for `pytest.mark.parametrize`: every case that is not in `quick` is marked slow."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=() if case in quick else pytest.mark.slow)
        for case in cases
    ]
