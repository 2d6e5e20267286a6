"""The dense head: which candidate answers for a target, and that it can give exactly that box."""

import torch
from torchvision.ops import box_iou

from rgbtvg.models.heads import AnchorHead
from rgbtvg.structures import GroundingSample
from rgbtvg.structures.boxes import cxcywh_to_xyxy

ANCHORS = [[[373, 326], [156, 198]], [[33, 23], [16, 30]]]
MAPS = [torch.zeros(3, 10, 2, 2), torch.zeros(3, 10, 4, 4)]
BOXES = torch.tensor([[0.3, 0.7, 0.8, 0.75], [0.95, 0.05, 0.08, 0.05], [1.0, 1.0, 0.04, 0.07]])


def head() -> AnchorHead:
    return AnchorHead(4, ANCHORS, hidden_channels=0)


def samples(boxes: torch.Tensor) -> list[GroundingSample]:
    made = []
    for box in boxes:
        sample = GroundingSample()
        sample.gt_boxes_cxcywh = box[None]
        made.append(sample)
    return made


def test_the_anchor_of_the_most_similar_shape_answers_in_the_cell_of_the_centre():
    candidates = head().candidates(MAPS)
    index = head().assign(candidates, BOXES)
    assert (candidates.anchors[index] * 416).round().tolist() == [[373, 326], [33, 23], [16, 30]]
    # A centre on the far edge belongs to the last cell.
    assert candidates.cells[index].tolist() == [[0, 1], [3, 0], [3, 3]]


def test_the_answering_candidate_can_give_the_target():
    dense = head()
    candidates = dense.candidates(MAPS)
    index = dense.assign(candidates, BOXES[:2])
    offset = BOXES[:2, :2] * candidates.grids[index] - candidates.cells[index]
    size = (BOXES[:2, 2:] / candidates.anchors[index]).log()
    rows = torch.arange(2)
    values = candidates.values[:2].clone()
    values[rows, index] = torch.cat((offset.logit(), size, torch.full((2, 1), 9.0)), dim=1)
    candidates.values = values
    torch.testing.assert_close(candidates.boxes_cxcywh(index), BOXES[:2])


def test_further_candidates_follow_the_answer_and_do_not_lie_on_it():
    dense = head()
    maps = [x[:2].clone() for x in MAPS]
    maps[1][:, 4, 0, 0], maps[1][:, 9, 0, 0], maps[1][:, 4, 3, 3] = 6.0, 5.0, 4.0
    outputs = dense.answers(maps)
    answers = dense.predict(outputs)
    dense.most_boxes = 3
    for answer, several in zip(answers, dense.predict(outputs), strict=True):
        assert several.boxes_cxcywh.shape == (3, 4) and several.scores.diff().max() <= 0
        torch.testing.assert_close(several.boxes_cxcywh[:1], answer.boxes_cxcywh)
        torch.testing.assert_close(several.scores[:1], answer.scores)
        overlaps = box_iou(cxcywh_to_xyxy(several.boxes_cxcywh), cxcywh_to_xyxy(several.boxes_cxcywh))
        assert (overlaps - torch.eye(3)).max() <= 0.5


def test_the_loss_falls_where_the_prediction_is_right():
    dense = head()
    candidates = dense.candidates(MAPS)
    index = dense.assign(candidates, BOXES[:1])[0].item()
    right = [x[:1].clone() for x in MAPS]
    # Level 0 comes first; its candidates are (anchor, row, column).
    anchor, row, column = index // 4, index // 2 % 2, index % 2
    right[0][0, 5 * anchor + 4, row, column] = 20.0
    wrong = [x[:1] for x in MAPS]
    losses = []
    for outputs in (dense.answers(right), dense.answers(wrong)):
        targets = dense.targets(outputs, samples(BOXES[:1]))
        losses.append(dense.loss(outputs, targets)["loss_conf"].item())
    assert losses[0] < 1e-3 < losses[1]


def test_predictions_say_how_sure_they_are():
    dense = head()
    prediction = dense.predict(dense.answers([x[:1] for x in MAPS]))[0]
    assert prediction.boxes_cxcywh.shape == (1, 4)
    torch.testing.assert_close(prediction.scores, torch.tensor([1 / (2 * 4 + 2 * 16)]))
