"""Every method is one graph: ``torch.compile`` with ``fullgraph=True`` traces forward and loss."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from tests.models.batches import collated_batch
from tests.models.test_methods import METHODS, MODALITIES, build
from tests.quick import mostly_slow

QUICK = [("clip_vg", "rgb")]
CASES = mostly_slow(product(METHODS, MODALITIES), QUICK, exhaustive=[*product(METHODS, ("rgb", "ir"))])


def counting_backend(graphs: list):
    def compile_graph(graph, inputs):
        graphs.append(graph)
        return graph.forward

    return compile_graph


@pytest.mark.parametrize(("method", "modality"), CASES)
def test_forward_and_loss_are_one_graph_each_for_every_batch_size(method, modality):
    torch._dynamo.reset()
    model, graphs = build(method, modality).train(), []
    options = dict(fullgraph=True, dynamic=True, backend=counting_backend(graphs))
    encode, loss_terms = torch.compile(model.encode, **options), torch.compile(model.loss_terms, **options)
    for size, seed in ((7, 0), (6, 1)):  # other lengths of sentences, too; 7 is no other dimension
        data = model.data_preprocessor(collated_batch(modality, size=size, seed=seed), training=True)
        inputs, samples = data["inputs"], data["data_samples"]
        torch.manual_seed(0)
        outputs = encode(inputs)
        compiled = loss_terms(outputs, model.targets(outputs, samples))
        sum(value for name, value in compiled.items() if "loss" in name).backward()
        torch.manual_seed(0)
        plain = model.loss(inputs, samples)
        for name, value in plain.items():
            torch.testing.assert_close(compiled[name], value, rtol=1e-4, atol=1e-5, msg=f"{name} at batch {size}")
    assert len(graphs) == 2, f"{len(graphs)} graphs: recompiled for another batch size or sentence length"
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(encode(inputs)["pred_boxes_cxcywh"], model.encode(inputs)["pred_boxes_cxcywh"])
