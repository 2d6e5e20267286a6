"""A model behind an endpoint: what it is sent, and what becomes of its answers."""

from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image

import rgbtvg.models  # noqa: F401
from rgbtvg.errors import ConfigError
from rgbtvg.registry import MODELS
from tests.annotation.standin import StandIn, send


class Boxes(StandIn):
    """Answers every question with the same text; a fault may be a status."""

    text = ""

    def serve(self, handler, body, fault) -> None:
        message = {"role": "assistant", "content": self.text}
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        send(handler, fault or 200, json.dumps(answer).encode())


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.01)


def locate(server: Boxes, form: str, text: str, size: tuple[int, int] = (100, 50), **options):
    server.text = text
    model = MODELS.build(dict(type="Endpoint", base_url=server.url, name="some-model", form=form, **options))
    return model.locate([Image.new("RGB", size)] * 2, ["the car", "a bus"], note="Seen twice. ")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("thousandths", 'Sure: ```json\n[{"bbox_2d": [100, 200, 500, 600]}]\n```'),
        ("thousandths_rows_first", '[{"box_2d": [200, 100, 600, 500], "label": "car"}]'),
        ("fractions", "[0.1, 0.2, 0.5, 0.6]"),
        ("pixels", "[11.2, 11.2, 56, 33.6]"),
    ],
)
def test_coordinates_of_every_form(form, text):
    with Boxes() as server:
        found = locate(server, form, text)
    for one in found:
        assert one.boxes[0].tolist() == pytest.approx([10, 10, 50, 30], abs=1e-3)
        assert one.scores.tolist() == [1.0]
    contents = [request["messages"][0]["content"] for request in server.requests]
    questions = sorted(content[1]["text"] for content in contents)
    assert questions[0].startswith('Seen twice. Locate the object that is described by "a bus".')
    sent = base64.b64decode(contents[0][0]["image_url"]["url"].split(",")[1])
    # Qwen2.5-VL's server would resize other images, and count the pixels of the result.
    assert Image.open(io.BytesIO(sent)).size == ((112, 56) if form == "pixels" else (100, 50))


def test_answers_without_a_box_and_servers_without_an_answer():
    with Boxes() as server:
        (first, _) = locate(server, "thousandths", "I see no car.")
        assert first.problem == "the answer has no box: 'I see no car.'"
        (first, _) = locate(server, "thousandths", "[]")
        assert first.problem is None and not len(first.boxes)
    with Boxes(faults=(500,)) as server:
        (first, _) = locate(server, "thousandths", "", retries=1)
        assert "status 500" in first.problem
    with Boxes(faults=(500,)) as server:
        model = MODELS.build(dict(type="Endpoint", base_url=server.url, name="some-model", retries=0))
        with pytest.raises(ConfigError, match=r"no answer 6 times in a row .*status 500"):
            for _ in range(3):
                model.locate([Image.new("RGB", (9, 9))] * 2, ["a", "b"])
    with Boxes(faults=(404,)) as server, pytest.raises(ConfigError, match="answers 404"):
        locate(server, "thousandths", "")


def test_what_is_missing_is_said():
    with pytest.raises(ConfigError, match="name the endpoint and its model"):
        MODELS.build(dict(type="Endpoint", base_url="", name=""))
    with pytest.raises(ConfigError, match="form must be one of thousandths"):
        MODELS.build(dict(type="Endpoint", base_url="http://x/v1", name="y", form="metres"))
    model = MODELS.build(dict(type="Endpoint", base_url="http://x:80/v1", name="y"))
    assert model.identity()["path"] == "y at x:80"
