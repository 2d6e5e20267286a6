"""Low-rank updates: activity, trainability, merging."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters import AdaLoRA, CLIPAdapter, LoRA, LowRank, adapted_linears, unfreeze_layers
from rgbtvg.models.adapters.adalora import AdaptiveLowRank, adaptive_updates
from rgbtvg.models.backbones import BertEncoder, CLIPVisionEncoder

ARCH = dict(width=32, layers=3, heads=2, mlp_width=64, patch_size=8, image_size=32, embed_dim=16)
DUAL = dict(rgb=dict(rank=2, streams=("rgb", "text")), ir=dict(rank=6, streams=("ir",)))


def make(adapter: LoRA, streams=("rgb", "ir"), filled: bool = True):
    """(plain encoder, the same encoder adapted); with `filled` the updates are not zero."""
    torch.manual_seed(0)
    plain = CLIPVisionEncoder(ARCH)
    plain.init_weights()
    adapted = copy.deepcopy(plain)
    adapter.attach(adapted, streams)
    if filled:
        for module in adapted.modules():
            if isinstance(module, LowRank):
                nn.init.normal_(module.up, std=0.05)
                if isinstance(module, AdaptiveLowRank):
                    nn.init.normal_(module.values)
    return plain.eval(), adapted.eval()


def run(encoder, images, *groups):
    return encoder(images, torch.zeros(len(images), 32, 32, dtype=torch.bool), groups=groups).pooled


@pytest.fixture
def images():
    return torch.randn(4, 3, 32, 32)


@pytest.mark.parametrize(
    "adapter",
    [
        LoRA(dict(shared=dict(rank=4, streams=("rgb", "ir")))),
        LoRA(DUAL),
        LoRA(dict(ir=dict(rank=4, streams=("ir",)))),
        AdaLoRA(dict(shared=dict(rank=4, streams=("rgb", "ir"))), target_rank=2),
    ],
    ids=["shared", "dual", "thermal only", "adaptive"],
)
def test_merged_equals_unmerged_and_unmerging_is_exact(adapter, images):
    plain, adapted = make(adapter)
    for streams in (("rgb",), ("ir",), ("rgb", "ir")):
        before = run(adapted, images, *streams)
        for linear in adapted_linears(adapted):
            linear.merge()
        torch.testing.assert_close(run(adapted, images, *streams), before, atol=1e-6, rtol=1e-5)
        for linear in adapted_linears(adapted):
            linear.unmerge()
        assert torch.equal(run(adapted, images, *streams), before)
    assert not torch.allclose(run(plain, images), before, atol=1e-3)


def test_a_stream_without_an_update_is_plain_clip_bit_for_bit(images):
    plain, adapted = make(LoRA(DUAL))
    assert torch.equal(run(adapted, images, "depth"), run(plain, images))


def test_an_adapted_encoder_without_groups_is_an_error(images):
    plain, adapted = make(LoRA(DUAL))
    run(plain, images)
    with pytest.raises(ConfigError, match="pass the streams of the batch"):
        run(adapted, images)


def test_checkpointed_layers_keep_their_streams(images):
    _, adapted = make(LoRA(DUAL))
    unfreeze_layers(adapted, 1.0)
    gradients = []
    for _ in range(2):
        adapted.zero_grad()
        run(adapted, images, "rgb", "ir").square().sum().backward()
        gradients.append([p.grad.clone() for p in adapted.parameters() if p.requires_grad])
        for layer in adapted.layers:
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
    for plain, again in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, again)


def test_linears_that_receive_no_groups_cannot_be_adapted():
    encoder = BertEncoder(dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16))
    with pytest.raises(ConfigError, match="cannot be adapted"):
        LoRA(DUAL, targets=r"attention\.self\.query$").attach(encoder, ("text",))


def test_a_fresh_adapter_changes_nothing(images):
    plain, adapted = make(LoRA(DUAL), filled=False)
    torch.testing.assert_close(run(adapted, images, "rgb", "ir"), run(plain, images))


def test_one_pass_over_both_streams_is_two_passes(images):
    _, adapted = make(LoRA(DUAL))
    together = run(adapted, images, "rgb", "ir")
    rgb, thermal = run(adapted, images[:2], "rgb"), run(adapted, images[2:], "ir")
    torch.testing.assert_close(together, torch.cat((rgb, thermal)))


def test_both_adapters_of_a_pair_learn(images):
    _, adapted = make(LoRA(DUAL))
    unfreeze_layers(adapted, 1.0)
    run(adapted, images, "rgb", "ir").square().sum().backward()
    for linear in adapted_linears(adapted):
        for update in linear.lora.values():
            assert update.down.grad.abs().sum() > 0
            assert update.up.grad.abs().sum() > 0
        assert linear.weight.grad is None


def test_the_references_thermal_adapter_acts_but_gets_no_gradient(images):
    _, adapted = make(LoRA(DUAL, untrained_groups=("ir",)))
    _, learning = make(LoRA(DUAL))
    unfreeze_layers(adapted, 1.0)
    answer = run(adapted, images, "rgb", "ir")
    assert torch.equal(answer, run(learning, images, "rgb", "ir"))
    answer.square().sum().backward()
    for linear in adapted_linears(adapted):
        assert linear.lora["rgb"].up.grad is not None
        assert linear.lora["ir"].up.grad is None


def test_activity_does_not_touch_what_learns(images):
    _, adapted = make(LoRA(DUAL))
    unfreeze_layers(adapted, 1)
    before = {name: p.requires_grad for name, p in adapted.named_parameters()}
    for streams in (("rgb",), ("ir",), ("rgb", "ir")):
        run(adapted, images, *streams)
    assert before == {name: p.requires_grad for name, p in adapted.named_parameters()}


@pytest.mark.parametrize(
    ("depth", "weights", "expected"),
    [
        (0, "none", lambda name: False),
        (2, "none", lambda name: ".lora." in name and layer_of(name) < 2),
        (0.5, "none", lambda name: ".lora." in name and layer_of(name) < 2),
        (1, "attention", lambda name: ".self_attn." in name and layer_of(name) < 1),
        (2, "layers", lambda name: name.startswith("layers.") and layer_of(name) < 2),
        (3, "all", lambda name: True),
        (0, "all", lambda name: False),
    ],
)
def test_a_depth_opens_exactly_the_named_layers(depth, weights, expected):
    _, adapted = make(LoRA(DUAL))
    unfreeze_layers(adapted, depth, weights)
    for name, parameter in adapted.named_parameters():
        assert parameter.requires_grad == expected(name), name


def layer_of(name: str) -> int:
    return int(name.split(".")[1])


def test_training_and_loading_leave_the_merged_state(images):
    _, adapted = make(LoRA(DUAL))
    state = copy.deepcopy(adapted.state_dict())
    for linear in adapted_linears(adapted):
        linear.merge()
    assert adapted.state_dict().keys() == state.keys()
    adapted.load_state_dict(state)
    assert not any(linear.merged for linear in adapted_linears(adapted))
    for linear in adapted_linears(adapted):
        linear.merge()
    adapted.train()
    assert not any(linear.merged for linear in adapted_linears(adapted))


def test_only_groups_that_run_in_an_encoder_are_made():
    _, adapted = make(LoRA(DUAL), streams=("rgb",))
    assert {group for linear in adapted_linears(adapted) for group in linear.lora} == {"rgb"}
    plain, untouched = make(LoRA(dict(ir=dict(rank=2, streams=("ir",)))), streams=("rgb",), filled=False)
    assert untouched.state_dict().keys() == plain.state_dict().keys()


def test_groups_are_checked():
    with pytest.raises(ConfigError, match="two LoRA groups"):
        LoRA(dict(a=dict(rank=2, streams=("rgb",)), b=dict(rank=2, streams=("rgb",))))
    with pytest.raises(ConfigError, match="rank and streams"):
        LoRA(dict(a=dict(rank=2)))
    for group, complaint in (
        (dict(rank=2, streams="ir"), "streams of LoRA group 'a'"),
        (dict(rank=2, streams=("RGB",)), "streams of LoRA group 'a'"),
        (dict(rank=0, streams=("rgb",)), "rank of LoRA group 'a'"),
        (dict(rank="four", streams=("rgb",)), "rank of LoRA group 'a'"),
        (dict(rank=2, streams=("rgb",), alpha=-4), "alpha of LoRA group 'a'"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            LoRA(dict(a=group))
    for options in (dict(groups={}), dict(groups=DUAL, untrained_groups=("thermal",)), dict(groups=DUAL, dropout=1.5)):
        with pytest.raises(ConfigError):
            LoRA(**options)
    with pytest.raises(ConfigError, match="no regular expression"):
        LoRA(DUAL, targets="(")
    for options in (dict(target_rank=3), dict(target_rank=1, warmup=0.5, cooldown=0.5)):
        with pytest.raises(ConfigError, match="AdaLoRA"):
            AdaLoRA(DUAL, **options)
    with pytest.raises(ConfigError, match="match no Linear"):
        make(LoRA(DUAL, targets="fc_in"))


def test_adalora_cuts_the_least_important_ranks(images):
    adapter = AdaLoRA(dict(shared=dict(rank=4, streams=("rgb", "ir"))), target_rank=1)
    _, adapted = make(adapter)
    unfreeze_layers(adapted, 1.0)
    run(adapted, images, "rgb", "ir").square().sum().backward()
    updates = [module for module in adapted.modules() if isinstance(module, AdaptiveLowRank)]
    for update in updates:
        update.observe()
    assert adapter.allocate(adapted, 0.0) == 4
    assert all((update.values != 0).all() for update in updates)
    kept = adapter.allocate(adapted, 1.0)
    assert kept == 1
    assert sum(int((update.values != 0).sum()) for update in updates) == len(updates)
    assert adapter.losses(adapted)["loss_orthogonality"] > 0


def test_adalora_leaves_updates_that_a_later_stage_opens_time_to_grow(images):
    adapter = AdaLoRA(dict(shared=dict(rank=4, streams=("rgb", "ir"))), target_rank=1)
    _, adapted = make(adapter, filled=False)
    optimizer = torch.optim.SGD(adapted.parameters(), lr=1e-3)
    for step, depth in enumerate([1] * 50 + [3] * 50):
        unfreeze_layers(adapted, depth)
        optimizer.zero_grad()
        run(adapted, images, "rgb", "ir").square().sum().backward()
        for update in adaptive_updates(adapted):
            update.observe()
        optimizer.step()
        kept = adapter.allocate(adapted, (step + 1) / 100)
    for layer in adapted.layers:
        left = sum(int((update.values != 0).sum()) for update in adaptive_updates(layer))
        assert left > 0, "the late layers were cut before they could grow"
    assert kept == 1


def test_clip_adapter_starts_as_the_identity():
    adapter, x = CLIPAdapter(16), torch.randn(2, 5, 16)
    assert torch.equal(adapter(x), x)
    adapter(x).sum().backward()
    assert adapter.up.weight.grad.abs().sum() > 0
