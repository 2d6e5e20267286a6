"""Tasks beyond one box: masks, several targets, none; pre-training; adapters and students of the BEiT-3 family."""

from __future__ import annotations

import copy
from itertools import product

import pytest
import torch
from mmengine.optim import OptimWrapper

import rgbtvg.models  # noqa: F401
from rgbtvg.evaluation.grec_metric import GRECMetric
from rgbtvg.models.heads.mrefm_head import referring_patch_mask, referring_word_mask
from rgbtvg.models.losses import SetCriterion
from rgbtvg.registry import MODELS
from tests.models.batches import collated_batch
from tests.models.test_methods import PREPROCESSOR
from tests.models.tiny import VOCABULARY, alvg, oneref, simvg
from tests.quick import mostly_slow

MODALITIES = ("rgb", "ir", "rgbt")


def build(config: dict) -> torch.nn.Module:
    torch.manual_seed(0)
    preprocessor = dict(PREPROCESSOR, modality=config["modality"])
    return MODELS.build(dict(config, data_preprocessor=preprocessor)).train()


def fit(model, batch, steps, done, lr=2e-3):
    """Train on one batch until `done` says so; the predictions at the end."""
    learning = (p for p in model.parameters() if p.requires_grad)
    optimizer = OptimWrapper(torch.optim.AdamW(learning, lr=lr, weight_decay=0))
    for step in range(steps):
        model.train_step(batch, optimizer)
        if step % 20 == 19:
            model.eval()
            samples = model.test_step(dict(batch, data_samples=[s.clone() for s in batch["data_samples"]]))
            model.train()
            if done(samples):
                return
    raise AssertionError("did not learn eight rows by heart")


def mask_ious(samples):
    ious = []
    for sample in samples:
        truth = sample.gt_masks.any(0)[: sample.ori_shape[0]]
        inside = (truth & sample.pred_mask).sum().item()
        ious.append(inside / max(1, (truth | sample.pred_mask).sum().item()))
    return ious


def res_config(method: str, modality: str) -> dict:
    if method == "alvg":
        return alvg.config(modality)
    head = dict(type="ReferringHead", box_weight=0.0)
    return dict(oneref.config(modality), head=head, mask_head=dict(type="ReferringMaskHead"))


@pytest.mark.parametrize(
    ("method", "modality"),
    mostly_slow(product(("oneref", "alvg"), MODALITIES), {("oneref", "rgbt"), ("alvg", "rgb")}),
)
def test_masks_are_learned_by_heart(method, modality):
    model = build(res_config(method, modality))
    fit(model, collated_batch(modality), 300, lambda samples: min(mask_ious(samples)) > 0.5)


def several_targets(modality: str) -> dict:
    """Every third sentence means nothing, every third two objects."""
    batch = collated_batch(modality, size=6)
    samples = batch["data_samples"]
    for row, sample in enumerate(samples):
        if row % 3 == 0:
            sample.gt_boxes_cxcywh, sample.gt_boxes_xyxy = sample.gt_boxes_cxcywh[:0], sample.gt_boxes_xyxy[:0]
            sample.gt_masks = sample.gt_masks[:0]
        elif row % 3 == 1:
            other = samples[row + 1]
            for name in ("gt_boxes_cxcywh", "gt_boxes_xyxy", "gt_masks"):
                setattr(sample, name, torch.cat((getattr(sample, name), getattr(other, name))))
    return batch


def grec_config(method: str, modality: str) -> dict:
    config = copy.deepcopy(simvg.config(modality) if method == "simvg" else alvg.config(modality))
    config["queries"]["num_queries"] = 4
    config["head"]["single"] = False
    return config


def all_answered(samples) -> bool:
    metric = GRECMetric()
    rows = [
        dict(
            pred_boxes_xyxy=sample.pred_boxes_xyxy.tolist(),
            pred_scores=sample.pred_scores.tolist(),
            gt_boxes_xyxy=sample.gt_boxes_xyxy.tolist(),
        )
        for sample in samples
    ]
    return all(metric.measure(row)["f1"] == 1 for row in rows)


@pytest.mark.parametrize(
    ("method", "modality"),
    mostly_slow(product(("simvg", "alvg"), MODALITIES), {("simvg", "rgb"), ("alvg", "rgbt")}),
)
def test_several_targets_and_none_are_learned_by_heart(method, modality):
    model = build(grec_config(method, modality))
    fit(model, several_targets(modality), 600, all_answered)


def test_a_batch_that_means_nothing_gives_finite_losses():
    for method in ("simvg", "alvg"):
        model = build(grec_config(method, "rgb"))
        batch = collated_batch("rgb", size=2)
        for sample in batch["data_samples"]:
            sample.gt_boxes_cxcywh, sample.gt_masks = sample.gt_boxes_cxcywh[:0], sample.gt_masks[:0]
        losses = model(**model.data_preprocessor(batch), mode="loss")
        total, _ = model.parse_losses(losses)
        total.backward()
        assert torch.isfinite(total)


@pytest.mark.parametrize("method", ["simvg", "alvg"])
def test_every_query_is_a_candidate_where_one_box_is_the_answer(method):
    config = grec_config(method, "rgbt")
    config["head"]["single"] = True
    model = build(config).eval()
    batch = collated_batch("rgbt", 2)
    answer = model.test_step(copy.deepcopy(batch))[0]
    model.head.most_boxes = 3
    several = model.test_step(batch)[0]
    assert len(answer.pred_scores) == 1 < len(several.pred_scores) <= 3
    torch.testing.assert_close(several.pred_boxes_xyxy[:1], answer.pred_boxes_xyxy)
    assert several.pred_scores.diff().max() <= 0


def test_student_answers_when_asked():
    config = simvg.config("rgb")
    batch = collated_batch("rgb", size=2)
    answers = {}
    for branch in ("decoder", "token"):
        model = build(dict(config, head=dict(config["head"], answer=branch))).eval()
        answers[branch] = model.test_step(copy.deepcopy(batch))[0].pred_boxes_xyxy
    assert not torch.equal(answers["decoder"], answers["token"])


def test_the_student_leaves_the_teacher_bitwise_as_it_is():
    """Without a loss of its own the decoder does not move: what the student learns from it does not flow back."""
    config = simvg.config("rgbt")
    model = build(dict(config, head=dict(config["head"], decoder_weight=0.0)))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))
    for seed in range(5):
        logs = model.train_step(collated_batch("rgbt", seed=seed), optimizer)
        assert sum(term for name, term in logs.items() if name.startswith("loss_distill_")) > 0
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert not [name for name in moved if name.startswith(("decoder.", "head.decoder_predictor."))]
    assert {name for name in before if name.startswith(("head.token_", "class_proj."))} <= moved


def test_matching_is_the_cheapest_assignment():
    targets = [torch.tensor([[0.2, 0.2, 0.1, 0.1], [0.8, 0.8, 0.2, 0.2]])]
    boxes = torch.tensor([[[0.5, 0.5, 0.9, 0.9], [0.8, 0.79, 0.2, 0.2], [0.21, 0.2, 0.1, 0.1]]])
    match = SetCriterion().match(torch.zeros(1, 3, 2), boxes, targets)
    assert match.query.tolist() == [1, 2]
    assert match.target.tolist() == [1, 0]


def test_both_pretraining_tasks_learn_and_alternate():
    config = oneref.config("rgbt")
    codebook = dict(
        type="VQKDTokenizer", arch=dict(width=32, layers=1, heads=2), image_size=64, num_codes=16, code_width=8
    )
    config["backbone"] = dict(config["backbone"], mask_token=True)
    config["head"] = dict(type="ReferringHead", box_weight=0.0, region_weight=1.0)
    config["pretraining"] = dict(
        type="MRefMHead", codebook=codebook, vocab_size=VOCABULARY, mask_id=VOCABULARY - 1, patch_position=True
    )
    model = build(config)
    batch = model.data_preprocessor(collated_batch("rgbt", size=4))
    names = [set(model(**batch, mode="loss")) for _ in range(4)]
    assert "loss_mim" in names[0] and "loss_mim_vts" in names[0]
    assert "loss_mlm" in names[1]
    assert names[0] == names[2] and names[1] == names[3]
    total, _ = model.parse_losses(model(**batch, mode="loss"))
    total.backward()
    assert model.backbone.mask_token.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in model.pretraining.codebook.parameters())


def test_more_patches_are_masked_inside_the_target():
    torch.manual_seed(0)
    box = torch.tensor([[0.5, 0.5, 0.4, 0.4]])
    masked = torch.stack([referring_patch_mask(box, (10, 10), 0.35, 0.75)[0] for _ in range(50)]).float()
    inside = torch.zeros(10, 10, dtype=torch.bool)
    inside[2:9, 2:9] = True
    share = masked.mean(0).view(10, 10)
    assert share[inside].mean().item() == pytest.approx(0.75, abs=0.03)
    assert share[~inside].mean().item() == pytest.approx(0.35, abs=0.05)


def test_key_words_are_masked_first_and_the_start_never():
    padding = torch.tensor([[False] * 6 + [True] * 2])
    for seed in range(20):
        torch.manual_seed(seed)
        masked = referring_word_mask(padding, [[3]], 0.4)
        assert masked[0, 3] and not masked[0, 0] and not masked[0, 6:].any()
        assert masked.sum() == 2


def test_dual_lora_adapts_the_tower_unchanged():
    groups = dict(rgb=dict(rank=2, streams=("rgb",)), ir=dict(rank=6, streams=("ir",)))
    adapter = dict(type="LoRA", groups=groups, dropout=0.0, targets=r"attention\.(q|k|v|out)_proj\.vision$")
    for method in (oneref, simvg, alvg):
        plain = build(method.config("rgbt"))
        config = dict(method.config("rgbt"), adapter=adapter)
        config["backbone"] = dict(config["backbone"], frozen=True)
        adapted = build(config)
        adapted.load_state_dict(plain.state_dict(), strict=False)
        batch = plain.eval().data_preprocessor(collated_batch("rgbt", size=2))
        torch.testing.assert_close(
            adapted.eval().encode(batch["inputs"])["pred_boxes_cxcywh"],
            plain.encode(batch["inputs"])["pred_boxes_cxcywh"],
        )
        total, _ = adapted.parse_losses(adapted.train()(**batch, mode="loss"))
        total.backward()
        layer = adapted.backbone.layers[0].attention.v_proj.vision
        assert all(layer.lora[group].up.grad.abs().sum() > 0 for group in groups)
        assert layer.weight.grad is None
