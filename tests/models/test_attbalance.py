"""AttBalance: its terms on the methods that can use it, and the momentum copy over a training."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper
from scipy.stats import spearmanr

from rgbtvg.engine.hooks import TrainingProgressHook
from rgbtvg.models.grounders import BaseGrounder
from rgbtvg.models.losses.attention_balance import balance_terms, rank_correlation, target_regions
from tests.engine.processes import call
from tests.models.batches import collated_batch
from tests.models.test_methods import build

COPY = "attention_balance.momentum."


def balanced(method: str, modality: str = "rgbt", **options) -> BaseGrounder:
    return build(method, modality, attention_balance=dict(first_layer=1, **options))


def losses_of(model: BaseGrounder, size: int = 4) -> dict[str, torch.Tensor]:
    return model(**model.data_preprocessor(collated_batch(model.modality, size), training=True), mode="loss")


@pytest.mark.parametrize("modality", ["rgb", "rgbt"])
@pytest.mark.parametrize("method", ["transvg", "qrnet", "clip_vg", "mmca", "hivg", "rgbt_vgnet"])
def test_one_line_adds_the_terms(method, modality):
    model = balanced(method, modality).train()
    losses = losses_of(model)
    assert {"loss_constraint", "loss_distillation", "loss_bbox", "loss_giou"} <= losses.keys()
    assert losses["loss_constraint"] > 0
    total, _ = model.parse_losses(losses)
    total.backward()
    assert not [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert all(not p.requires_grad for name, p in model.named_parameters() if name.startswith(COPY))


def test_late_epochs_have_the_plain_box_losses():
    torch.manual_seed(0)
    model = balanced("clip_vg").train()
    model.set_progress(60, 0, 10)
    plain = build("clip_vg", "rgbt").train()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith(COPY)})
    late, expected = losses_of(model), losses_of(plain)
    assert late.keys() == expected.keys()
    assert all(torch.equal(late[name], expected[name]) for name in late)


def test_the_copy_starts_equal_and_is_left_out_of_inference():
    model = balanced("clip_vg")
    state = model.state_dict()
    assert all(torch.equal(state[name], state[name.removeprefix(COPY)]) for name in state if name.startswith(COPY))
    fresh = build("clip_vg", "rgbt", attention_balance=dict(), initialise=False)
    assert not any(name.startswith(COPY) for name in fresh.state_dict())
    assert not any(fresh.load_state_dict(state))


def test_weights_without_a_copy_start_a_new_one():
    model, other = balanced("clip_vg"), build("clip_vg", "rgbt")
    with torch.no_grad():
        other.image_proj.weight.add_(1)
    model.load_state_dict(other.state_dict())
    assert torch.equal(model.attention_balance.momentum.image_proj.weight, other.image_proj.weight)


def test_the_copy_moves_once_per_optimizer_step():
    model = balanced("clip_vg").train()
    model.requires_grad_(False)
    copied, own = model.attention_balance.momentum.image_proj.weight, model.image_proj.weight.requires_grad_()
    with torch.no_grad():
        copied.zero_(), own.fill_(1.0)
    wrapper = OptimWrapper(torch.optim.SGD([own], lr=0.0), accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 8)
    runner = SimpleNamespace(model=model, optim_wrapper=wrapper, iter=0, epoch=0, train_dataloader=range(8))
    hook = TrainingProgressHook()
    hook.before_train(runner)
    moved = []
    for step in range(6):
        hook.before_train_iter(runner, step)
        wrapper.update_params(own.sum())
        moved.append(round(copied[0, 0].item(), 6))
    assert moved == [0.1, 0.1, 0.19, 0.19, 0.271, 0.271]


def test_small_targets_get_the_cell_of_their_centre():
    box = torch.tensor([[0.3, 0.6, 0.01, 0.01]])
    assert not target_regions(box, (64, 64), [(4, 4)], cover_small=False).any()
    assert target_regions(box, (64, 64), [(4, 4)]).nonzero()[:, 1].tolist() == [2 * 4 + 1]


def test_rank_correlation_is_spearman():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 6, (20, 9), generator=generator).float()
    y = torch.randint(0, 6, (20, 9), generator=generator).float()
    expected = [spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)]
    torch.testing.assert_close(rank_correlation(x, y), torch.tensor(expected, dtype=torch.float32))


def correlations_of_half(folder: str) -> None:
    """One process of two, with half of the batch."""
    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    values = {name: tensor[..., 4 * rank : 4 * rank + 4, :] for name, tensor in random_terms().items()}
    torch.save(terms_of(values).correlations, Path(folder, f"{rank}.pt"))


def random_terms() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "attention": torch.randn(3, 8, 9, generator=generator).softmax(-1),
        "region": torch.rand(8, 9, generator=generator) > 0.5,
        "iou": torch.rand(8, 1, generator=generator),
    }


def terms_of(values: dict[str, torch.Tensor]):
    attention = values["attention"]
    return balance_terms(attention, attention, values["region"], values["iou"][:, 0], None, 0.4)


def test_the_correlation_is_over_all_processes(tmp_path):
    assert call(correlations_of_half, str(tmp_path), output=tmp_path / "log", processes=2) == 0
    whole = terms_of(random_terms()).correlations
    for rank in range(2):
        assert torch.equal(torch.load(tmp_path / f"{rank}.pt"), whole)
