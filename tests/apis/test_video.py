"""Paired videos and streams of pairs: every frame is answered in order, with constant memory."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from rgbtvg.apis.video import ground_video
from rgbtvg.errors import ConfigError, DataError
from tests.run_tool import run_tool

FRAMES = 5


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """RGB of five frames, thermal of six."""
    folder = tmp_path_factory.mktemp("videos")
    paths = {}
    for stream, count in (("rgb", FRAMES), ("ir", FRAMES + 1)):
        paths[stream] = folder / f"{stream}.mp4"
        writer = cv2.VideoWriter(str(paths[stream]), cv2.VideoWriter.fourcc(*"mp4v"), 10, (96, 64))
        for number in range(count):
            frame = np.full((64, 96, 3), 40, np.uint8)
            frame[20:40, 10 + 8 * number : 30 + 8 * number] = (200, 60, 30)
            writer.write(frame)
        writer.release()
    return paths


def test_every_frame_has_a_result(inferencer, videos):
    results = list(ground_video(inferencer, videos["rgb"], videos["ir"], "the red car"))
    assert len(results) == FRAMES
    assert all(result.images["rgb"].size == (96, 64) and len(result.boxes_xyxy) for result in results)
    assert len({tuple(result.boxes_xyxy[0]) for result in results}) > 1


def test_smoothing_averages_the_best_box(inferencer, videos):
    plain = [r.boxes_xyxy[0] for r in ground_video(inferencer, videos["rgb"], videos["ir"], "the red car")]
    smooth = [r.boxes_xyxy[0] for r in ground_video(inferencer, videos["rgb"], videos["ir"], "the red car", 0.5)]
    expected = [plain[0]]
    for box in plain[1:]:
        expected.append(0.5 * expected[-1] + 0.5 * box)
    np.testing.assert_allclose(smooth, expected, rtol=1e-5)
    with pytest.raises(ConfigError, match="smoothing must be at least 0 and less than 1"):
        next(ground_video(inferencer, videos["rgb"], videos["ir"], "the red car", 1.0))


def test_stream_reads_no_further_than_its_batch(inferencer, images):
    taken = []

    def pairs():
        for number in range(10):
            taken.append(number)
            yield *images, "the red car"

    results = inferencer.stream(pairs(), batch_size=2)
    next(results)
    assert len(taken) == 2
    assert len(list(results)) == 9


def test_predict_writes_a_video_and_its_boxes(checkpoints, videos, tmp_path, capsys):
    out, boxes = tmp_path / "out.mp4", tmp_path / "boxes.jsonl"
    arguments = ["--video", videos["rgb"], videos["ir"], "the red car", "--load-from", checkpoints["rgbt"]]
    assert run_tool("demo.py", *arguments, "--out", out, "--json", boxes) == 0
    assert f"wrote {out}: {FRAMES} frames" in capsys.readouterr().out
    capture = cv2.VideoCapture(str(out))
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)) == (FRAMES, 10)
    rows = [json.loads(line) for line in boxes.read_text().splitlines()]
    assert [row["expression"] for row in rows] == ["the red car"] * FRAMES
    assert run_tool("demo.py", *arguments) == 1
    assert "error: --video needs --out FILE.mp4" in capsys.readouterr().err


def test_a_file_that_is_no_video_is_one_sentence(inferencer, videos, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    with pytest.raises(DataError, match="is not a video"):
        next(ground_video(inferencer, broken, videos["ir"], "the red car"))
    with pytest.raises(DataError, match="no such video"):
        next(ground_video(inferencer, tmp_path / "none.mp4", videos["ir"], "the red car"))
