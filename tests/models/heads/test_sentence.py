"""What stands for the sentence, and where OneRef's box is measured from."""

from __future__ import annotations

import pytest
import torch

from rgbtvg.errors import ConfigError
from rgbtvg.models.heads.referring_head import ReferringHead
from rgbtvg.structures import TextFeatures
from tests.models.batches import collated_batch
from tests.models.test_methods import build


def referring(**options):
    torch.manual_seed(0)
    return ReferringHead(8, **options)


def words(length=4, padded=1):
    torch.manual_seed(1)
    padding = torch.arange(length)[None] >= length - padded
    return TextFeatures(torch.randn(1, length, 8), padding)


def test_the_mean_reads_every_word_but_no_padding():
    patches = torch.randn(1, 5, 8)
    text = words()
    mean, first = (referring(sentence=name) for name in ("mean", "first"))
    for place, read in ((0, (True, True)), (2, (True, False)), (3, (False, False))):
        changed = TextFeatures(text.tokens.clone(), text.padding_mask)
        changed.tokens[:, place] += 1
        for head, differs in zip((mean, first), read, strict=True):
            before, after = (head(patches, 1, x, (2, 2))["similarity"] for x in (text, changed))
            assert torch.equal(before, after) != differs


def test_a_centred_box_lies_on_the_pooled_patches():
    head = referring(scale=1000.0, centred=True)
    torch.nn.init.zeros_(head.box_mlp.layers[-1].weight)
    torch.nn.init.zeros_(head.box_mlp.layers[-1].bias)
    outputs = head(torch.randn(1, 1 + 2 * 4, 8), 1, words(), (2, 2))  # two streams
    share = outputs["share"].unflatten(1, (2, 4)).sum(1)
    place = share @ torch.tensor([[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]])
    torch.testing.assert_close(outputs["pred_boxes_cxcywh"][:, :2], place)


def test_faoa_reads_the_mean_of_the_words():
    batch = collated_batch("rgb")
    found = []
    for sentence in ("pooled", "mean"):
        model = build("faoa", "rgb", sentence=sentence).eval()
        data = model.data_preprocessor(batch, training=False)
        found.append(model.encode(data["inputs"])["sentence"])
    assert not torch.equal(*found)
    torch.testing.assert_close(found[1].norm(dim=1), torch.ones(len(found[1])))


@pytest.mark.parametrize("make", [lambda: referring(sentence="last"), lambda: build("faoa", "rgb", sentence="last")])
def test_an_unknown_sentence_is_a_sentence(make):
    with pytest.raises(ConfigError, match="sentence must be"):
        make()
