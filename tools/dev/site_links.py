"""MkDocs hook: README.md is the home page, and links to files outside of docs/ become plain text."""

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
IMAGE = re.compile(r"(!\[[^\]]*\]\()docs/")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Return the text of a page with links that lead somewhere on the site."""
    docs = Path(config.docs_dir)
    folder = docs / Path(page.file.src_uri).parent
    if page.file.src_uri == "index.md":
        markdown = IMAGE.sub(r"\1", (docs.parent / "README.md").read_text(encoding="utf-8"))
        folder = docs.parent

    def resolved(match: re.Match[str]) -> str:
        text, path, anchor = match.groups()
        target = (folder / path).resolve()
        if target == docs.parent / "README.md":
            target = docs / "index.md"
        if target.suffix != ".md" or not target.is_relative_to(docs):
            return text
        base = docs / Path(page.file.src_uri).parent
        steps = "../" * len(base.relative_to(docs).parts)
        return f"[{text}]({steps}{target.relative_to(docs)}{anchor or ''})"

    return LINK.sub(resolved, markdown)
