"""Pages as Jinja templates; whatever is put into them is escaped."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=PackageLoader("rgbtvg.inspection"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def render(name: str, **values: Any) -> str:
    """A template of this folder, filled in."""
    return _ENVIRONMENT.get_template(name).render(**values)
