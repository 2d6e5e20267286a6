"""Matrices of which the ordinary suite runs a few representatives."""

from collections.abc import Container, Iterable
from typing import Any

import pytest


def mostly_slow(cases: Iterable[Any], quick: Container[Any], exhaustive: Container[Any] = ()) -> list[Any]:
    """Parameters for `pytest.mark.parametrize`; all but `quick` are slow, and `exhaustive` are exhaustive too."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=marks_of(case, quick, exhaustive))
        for case in cases
    ]


def marks_of(case: Any, quick: Container[Any], exhaustive: Container[Any]) -> list[pytest.MarkDecorator]:
    if case in quick:
        return []
    return [pytest.mark.slow, *([pytest.mark.exhaustive] if case in exhaustive else [])]
