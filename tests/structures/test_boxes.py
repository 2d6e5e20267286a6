"""Overlaps against torchvision's, and the way between the image and the network's frame."""

import pytest
import torch
from torchvision import ops

from rgbtvg.structures import Frame
from rgbtvg.structures.boxes import aligned_giou, aligned_iou, cxcywh_to_xyxy, pairwise_iou, xyxy_to_cxcywh
from rgbtvg.structures.frame import denormalise_boxes, normalise_boxes


def random_boxes(count, seed):
    """(N, 4) xyxy with corners in [0, 100] and sides of at least one pixel."""
    corners = torch.rand(count, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 99
    return torch.cat((corners.amin(1), corners.amax(1) + 1), dim=1)


def test_formats_undo_each_other():
    boxes = random_boxes(20, 0)
    torch.testing.assert_close(xyxy_to_cxcywh(boxes), ops.box_convert(boxes, "xyxy", "cxcywh"))
    torch.testing.assert_close(cxcywh_to_xyxy(xyxy_to_cxcywh(boxes)), boxes)


def test_overlaps_are_torchvisions():
    first, second = random_boxes(20, 1), random_boxes(30, 2)
    torch.testing.assert_close(pairwise_iou(first, second), ops.box_iou(first, second))
    torch.testing.assert_close(aligned_iou(first, second[:20]), ops.box_iou(first, second[:20]).diagonal())
    expected = ops.generalized_box_iou(first, second)
    torch.testing.assert_close(aligned_giou(first[:, None], second[None]), expected)


@pytest.mark.parametrize("overlap", [aligned_iou, aligned_giou])
def test_boxes_of_no_area_have_numbers_and_gradients(overlap):
    point = torch.tensor([[3.0, 3.0, 3.0, 3.0]], requires_grad=True)
    value = overlap(point, torch.tensor([[3.0, 3.0, 3.0, 3.0]]))
    value.sum().backward()
    assert value.item() == 0
    assert point.grad.isfinite().all()


def test_a_frame_undoes_any_chain_of_transforms():
    frame = Frame().scaled(0.5, 0.25).shifted(-7, 3).mirrored(64).shifted(10, 0).scaled(2, 2)
    boxes = random_boxes(20, 3)
    moved = frame.to_input(boxes)
    assert (moved[:, 2:] > moved[:, :2]).all()
    torch.testing.assert_close(frame.to_image(moved), boxes)


def test_a_frame_follows_the_image():
    """A box of 10 by 20 pixels in an image 100 wide: halved, mirrored, padded by 5 on the left."""
    frame = Frame().scaled(0.5, 0.5).mirrored(50).shifted(5, 0)
    moved = frame.to_input(torch.tensor([10.0, 0.0, 20.0, 20.0]))
    assert moved.tolist() == [45.0, 0.0, 50.0, 10.0]


def test_boxes_are_relative_to_width_and_height():
    box = torch.tensor([[10.0, 20.0, 30.0, 40.0]])
    relative = normalise_boxes(box, (80, 40))
    torch.testing.assert_close(relative, torch.tensor([[0.5, 0.375, 0.5, 0.25]]))
    torch.testing.assert_close(denormalise_boxes(relative, (80, 40)), box)
