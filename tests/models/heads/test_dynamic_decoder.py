"""The decoder that samples points."""

import pytest
import torch

from rgbtvg.errors import ConfigError
from rgbtvg.models.heads import DynamicDecoder
from rgbtvg.models.heads.dynamic_decoder import sample_maps


def test_a_point_in_the_middle_of_a_cell_reads_that_cell():
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    points = torch.tensor([[[2.5 / 4, 1.5 / 3], [-3.0, 0.5 / 3]]])  # (x, y)
    # Outside, the border goes on.
    torch.testing.assert_close(sample_maps([x], points)[0, :, 0], torch.tensor([6.0, 0.0]), atol=1e-5, rtol=0)


def decoder(layout: str) -> DynamicDecoder:
    torch.manual_seed(0)
    return DynamicDecoder(
        width=8, num_points=4, num_stages=2, num_heads=2, ffn_width=16, dropout=0.0, stream_layout=layout
    ).eval()


def run(layout: str, cells: torch.Tensor, grid: tuple[int, int]):
    words = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(1))
    positions = torch.zeros(1, cells.shape[1], 8)
    padding = torch.tensor([[False, False, True]])

    def middle(token):
        return token[:, :4].sigmoid()

    return decoder(layout)(cells, positions, words, torch.zeros(1, 3, 8), padding, grid, middle)


def test_each_stream_is_sampled_at_the_same_points():
    rgb, thermal = torch.ones(1, 6, 8), 2 * torch.ones(1, 6, 8)
    stage = run("each", torch.cat((rgb, thermal), dim=1), (2, 3))[0]
    assert stage.sampled.shape == (1, 8, 8)
    torch.testing.assert_close(stage.sampled[:, :4], torch.ones(1, 4, 8))
    torch.testing.assert_close(stage.sampled[:, 4:], 2 * torch.ones(1, 4, 8))


def test_layouts_agree_on_a_single_stream():
    cells = torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(0))
    for one, other in zip(run("each", cells, (2, 3)), run("flat", cells, (2, 3)), strict=True):
        torch.testing.assert_close(one.boxes_cxcywh, other.boxes_cxcywh)


def test_the_flat_layout_mixes_the_streams_of_a_pair():
    rgb, thermal = torch.ones(1, 9, 8), 2 * torch.ones(1, 9, 8)
    (x,) = decoder("flat").as_maps(torch.cat((rgb, thermal), dim=1), (3, 3))
    assert x.shape == (1, 8, 3, 6)
    assert x[0, 0].tolist() == [[1] * 6, [1, 1, 1, 2, 2, 2], [2] * 6]


def test_the_next_stage_looks_around_the_box_of_the_one_before():
    first, second = run("each", torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(0)), (2, 3))
    assert first.boxes_cxcywh.shape == second.boxes_cxcywh.shape == (1, 4)
    assert not torch.equal(first.query, second.query)


def test_another_layout_is_refused():
    with pytest.raises(ConfigError, match="'each' or 'flat'"):
        DynamicDecoder(stream_layout="side by side")
