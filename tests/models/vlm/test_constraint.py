"""Constrained generation: whatever a model prefers, its answer is one box."""

from __future__ import annotations

import pytest
import torch

from rgbtvg.errors import ConfigError
from rgbtvg.models.general.box_text import FORMS
from rgbtvg.models.general.constraint import BoxSyntax
from tests.models.vlm import tiny

LOCATIONS = {"paligemma": [f"<loc{i:04}>" for i in range(1024)], "florence": [f"<loc_{i}>" for i in range(1000)]}
END = 3


@pytest.mark.parametrize("form", FORMS)
def test_random_preferences_give_one_readable_box(form):
    if form == "fractions":
        pytest.skip("numbers with a point are not constrained")
    words = tiny.tokenizer(LOCATIONS.get(form, []))
    syntax = BoxSyntax(words, FORMS[form], lambda text: [*words(text).input_ids, END])
    torch.manual_seed(0)
    written = torch.full((16, 5), 7)  # a prompt
    for _ in range(60):
        scores = syntax(written, torch.randn(16, len(words)))
        written = torch.cat((written, scores.argmax(1, keepdim=True)), dim=1)
    for row in written[:, 5:].tolist():
        text = "".join(words.decode([token]) for token in row[: row.index(END)])
        assert len(FORMS[form].pattern.findall(text)) == 1 and FORMS[form].pattern.search(text)
        assert set(row[row.index(END) :]) == {END}


def test_a_tokenizer_that_joins_digits_is_refused():
    words = tiny.tokenizer([])

    def encode(text: str) -> list[int]:
        return [
            len(part) + 1000 * int(part) for part in text.replace("[", " ").replace("]", " ").split() if part.isdigit()
        ]

    with pytest.raises(ConfigError, match="set constrained=False"):
        BoxSyntax(words, FORMS["thousandths"], encode)
