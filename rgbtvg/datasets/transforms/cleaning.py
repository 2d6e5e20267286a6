"""Expressions as some references clean them before they tokenise."""

from __future__ import annotations

from typing import Any

from mmcv.transforms import BaseTransform

from rgbtvg.registry import TRANSFORMS

CLEANING = str.maketrans({**dict.fromkeys(".,'!?\"()*#:;", ""), "-": " ", "/": " "})


def clean_expression(expression: str) -> str:
    """Lower-case, without punctuation; hyphens and slashes become spaces (SeqTR, SimVG, ALVG)."""
    return expression.lower().translate(CLEANING)


@TRANSFORMS.register_module()
class CleanExpression(BaseTransform):
    """Apply :func:`clean_expression` to the expression."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        results["expression"] = clean_expression(results["expression"])
        return results
