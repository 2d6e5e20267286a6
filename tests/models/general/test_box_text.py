"""Answers of language models in every documented form, and broken ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgbtvg.errors import ConfigError
from rgbtvg.models.general import prompts
from rgbtvg.models.general.box_text import FORMS, UnreadableAnswer

SIZE, RESIZED = (400, 800), (392, 784)
"""(height, width) of the image, and after Qwen2.5-VL's processor."""


def corners(form: str, answer: str) -> list[list[float]]:
    return [[round(value, 6) for value in box.xyxy] for box in FORMS[form].read(answer, SIZE, RESIZED)]


BOX = [80.0, 80.0, 400.0, 200.0]
READABLE = {
    "JSON": ("thousandths", '[{"bbox_2d": [100, 200, 500, 500], "label": "car"}]'),
    "fenced JSON": ("thousandths", '```json\n[\n\t{"bbox_2d": [100, 200, 500, 500], "label": "the 2nd car"}\n]\n```'),
    "a single object": ("thousandths", '{"bbox_2d": [100, 200, 500, 500]}'),
    "prose around JSON": ("thousandths", 'It has 4 wheels (2 of 4): {"bbox_2d": [100,200,500,500]}. I am sure [1].'),
    "thoughts in front": ("thousandths", "<think>left, not [0, 0, 9, 9]</think>[[100, 200, 500, 500]]<|im_end|>"),
    "two points": (
        "thousandths",
        "<|object_ref_start|>car<|object_ref_end|><|box_start|>(100,200),(500,500)<|box_end|>",
    ),
    "plain brackets": ("thousandths", "<box>[[100, 200, 500, 500]]</box>"),
    "round brackets": ("thousandths", "(100, 200, 500, 500)"),
    "floats": ("thousandths", "[100.0, 200.0, 500.0, 500.0]"),
    "cut off behind the box": ("thousandths", '[{"bbox_2d": [100, 200, 500, 500], "label": "the red c'),
    "swapped corners": ("thousandths", "[500, 500, 100, 200]"),
    "one swapped axis": ("thousandths", "[500, 200, 100, 500]"),
    "pixels of the resized image": ("pixels", '[{"bbox_2d": [78.4, 78.4, 392, 196], "label": "car"}]'),
    "fractions": ("fractions", "[0.1, 0.2, 0.5, 0.5]"),
    "rows first": ("thousandths_rows_first", '[{"box_2d": [200, 100, 500, 500], "label": "car"}]'),
    "Florence": ("florence", "</s><s>the car<loc_100><loc_200><loc_499><loc_499></s>"),
    "PaliGemma": ("paligemma", "<loc0205><loc0102><loc0512><loc0512> car<eos>"),
}


@pytest.mark.parametrize("case", READABLE)
def test_reads_every_documented_form(case):
    form, answer = READABLE[case]
    (box,) = FORMS[form].read(answer, SIZE, RESIZED)
    assert box.xyxy == pytest.approx(BOX, abs=0.5 if form in ("florence", "paligemma") else 1e-6)
    assert any(character.isdigit() for character in answer[box.start : box.end])


def test_several_boxes_keep_their_order():
    answer = '[{"bbox_2d": [0, 0, 500, 500]}, {"bbox_2d": [500, 500, 1000, 1000]}]'
    assert corners("thousandths", answer) == [[0, 0, 400, 200], [400, 200, 800, 400]]
    florence = "cars<loc_0><loc_0><loc_9><loc_9><loc_20><loc_20><loc_29><loc_29>person<loc_5><loc_5><loc_6><loc_6>"
    assert len(corners("florence", florence)) == 3
    paligemma = "<loc0000><loc0000><loc0512><loc0512> car ; <loc0512><loc0512><loc1023><loc1023> car"
    assert len(corners("paligemma", paligemma)) == 2


def test_corners_outside_are_moved_to_the_edge():
    assert corners("thousandths", "[-20, 900, 1200, 5000]") == [[0, 360, 800, 400]]
    assert corners("pixels", "[0, 0, 784, 392]") == [[0, 0, 800, 400]]


BROKEN = {
    "nothing": "",
    "prose": "I cannot find such an object in 4 images.",
    "cut off inside the box": '```json\n[{"bbox_2d": [100, 200, 50',
    "cut off in front of the bracket": "[100, 200, 500, 500",
    "cut off inside thoughts": "<think>[100, 200, 500, 500] or",
    "a point": "[100, 200]",
    "a polygon": "[100, 200, 500, 200, 500, 500]",
    "no area": "[100, 200, 100, 500]",
    "outside": "[1100, 200, 1500, 500]",
    "words": '{"bbox_2d": ["a", "b", "c", "d"]}',
    "location tokens of another model": "<loc_1><loc_2><loc_3><loc_4>",
    "a lone surrogate and brackets": "\ud800[[[[((((",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_broken_answers_are_told_apart_from_empty_ones(answer):
    with pytest.raises(UnreadableAnswer, match="the answer has no box"):
        FORMS["thousandths"].read(answer, SIZE)


@pytest.mark.parametrize("form", ["florence", "paligemma"])
@pytest.mark.parametrize("answer", ["<loc_1><loc_2><loc_3>", "<loc0001><loc0002><loc0003>", "[1, 2, 3, 4]", "car"])
def test_too_few_location_tokens(form, answer):
    with pytest.raises(UnreadableAnswer):
        FORMS[form].read(answer, SIZE)


@pytest.mark.parametrize("answer", ["[]", "```json\n[]\n```", "None.", "null<|im_end|>"])
def test_an_answer_may_say_that_there_is_nothing(answer):
    assert FORMS["thousandths"].read(answer, SIZE) == []


def test_pixels_of_the_resized_image_need_its_size():
    with pytest.raises(ValueError, match="need its size"):
        FORMS["pixels"].read("[1, 2, 3, 4]", SIZE)


@given(
    form=st.sampled_from(sorted(FORMS)),
    x=st.tuples(st.floats(0, 700), st.floats(20, 100)),
    y=st.tuples(st.floats(0, 350), st.floats(10, 50)),
)
def test_what_is_written_is_read(form, x, y):
    box = (x[0], y[0], x[0] + x[1], y[0] + y[1])
    (read,) = FORMS[form].read(FORMS[form].write([box], SIZE, RESIZED), SIZE, RESIZED)
    step = 800 / 1000 if form != "pixels" else 800 / 784
    assert read.xyxy == pytest.approx(box, abs=step)


@pytest.mark.parametrize("form", FORMS)
def test_several_boxes_and_none_are_written_and_read(form):
    boxes = [(80.0, 80.0, 400.0, 200.0), (0.0, 40.0, 8.0, 80.0)]
    read = FORMS[form].read(FORMS[form].write(boxes, SIZE, RESIZED), SIZE, RESIZED)
    assert [box.xyxy for box in read] == [pytest.approx(box, abs=1.1) for box in boxes]
    assert FORMS[form].read(FORMS[form].write([], SIZE, RESIZED), SIZE, RESIZED) == []


def test_what_qwen_is_trained_to_write_is_json():
    answer = FORMS["thousandths"].write([(80, 80, 400, 200), (0, 0, 8, 40)], SIZE)
    assert json.loads(answer) == [{"bbox_2d": [100, 200, 500, 500]}, {"bbox_2d": [0, 0, 10, 100]}]


@given(st.text(alphabet="[]<>loc_(),.-0123456789 \n", max_size=60))
def test_any_text_is_read_or_refused(text):
    for form in FORMS.values():
        try:
            boxes = form.read(text, SIZE, RESIZED)
        except UnreadableAnswer:
            continue
        assert all(0 <= b.xyxy[0] < b.xyxy[2] <= 800 and 0 <= b.xyxy[1] < b.xyxy[3] <= 400 for b in boxes)


def test_prompts():
    assert prompts.grounding_dino("The red car. It is parked.") == "the red car, it is parked."
    assert prompts.grounding_dino("A 3.5 t van . ") == "a 3,5 t van."
    assert prompts.filled(prompts.PALIGEMMA, " the  red\ncar.") == "detect the red car"
    assert prompts.filled(prompts.CHAT, "it", prompts.note("side_by_side")).startswith("The image shows the same")
    assert '[{"bbox_2d": [x1, y1, x2, y2]}]' in prompts.filled(prompts.CHAT, 'the {odd} "car"')
    assert "0 to 1000" in prompts.filled(prompts.chat_for("thousandths"), "car")
    assert "[y1, x1, y2, x2]" in prompts.filled(prompts.chat_for("thousandths_rows_first"), "car")
    assert prompts.note("rgb") == ""
    assert prompts.checked("{note}find {expression}") == "{note}find {expression}"
    for template in ("find it", "find {sentence}", "find {expression} as [{}]", "{expression"):
        with pytest.raises(ConfigError, match="prompt must hold"):
            prompts.checked(template)
