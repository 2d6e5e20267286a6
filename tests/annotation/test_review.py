"""The review page: what it decides, whom it answers, and how it works in a real browser."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from rgbtvg.annotation import Journal, Review, ReviewServer
from rgbtvg.datasets.canonical import read_records, write_records
from rgbtvg.errors import DataError
from tests.run_tool import run_tool
from tests.serving import client, served

pytest.importorskip("gradio")

PHONE = {"width": 390, "height": 844}
ROOT = Path(__file__).parents[2]
SCRIPT = '<img src=x onerror="document.title=1"> the car & <b>left</b>'


@pytest.fixture
def expressions(raw):
    """Six records with expressions; the second one's is an attack, the third one's box is small."""
    records = read_records(raw)[:6]
    for index, record in enumerate(records):
        record["expression"] = f"the {record['extra']['category']} number {'abcdef'[index]} on the left"
    records[1]["expression"] = SCRIPT
    records[2]["boxes"] = [[20.0, 10.0, 26.0, 16.0]]
    path = raw.with_name("expressions.jsonl")
    write_records(path, records)
    return path


@pytest.fixture
def server(expressions, tmp_path):
    with Journal(tmp_path / "journal", {"kind": "review"}) as journal:
        review = Review(read_records(expressions), journal)
        with served(ReviewServer(review, tmp_path / "out.jsonl", tmp_path)) as server:
            yield server


@pytest.fixture
def page(server):
    """What the page's own script can do."""
    with client(server) as page:
        yield page


def press(page, button, index, *more):
    """Press a button while a record is shown."""
    return page.post(f"/gradio_api/run/{button}", json={"data": [index, False, *more]})


def shown(answer):
    """Place, counts, images, text, editor, close-ups and message after a button was pressed."""
    assert answer.status_code == 200, answer.text
    names = ("place", "counts", "images", "text", "editor", "closeups", "message")
    return dict(zip(names, answer.json()["data"], strict=True))


def states(server):
    standing = server.review.decisions
    return [standing.get(record["sample_id"], {}).get("decision", "") for record in server.review.records]


def test_decisions_become_records(page, server):
    after = shown(press(page, "accept", 0))
    assert after["place"] == 1
    assert "1 of 6</b> decided · 1 accepted · 0 edited · 0 rejected" in after["counts"]
    press(page, "reject", 1)
    press(page, "edit", 2, "  the traffic light\n above the road ")
    assert shown(press(page, "write", 3))["message"].startswith("2 records are in ")
    first, second = read_records(server.out)
    assert first["expression"] == "the car number a on the left"
    assert first["extra"]["review"]["decision"] == "accept"
    assert second["expression"] == "the traffic light above the road"
    assert second["extra"]["review"]["was"] == "the traffic light number c on the left"
    assert first["extra"]["category"] == "car"


def test_later_decision_counts_and_undo_brings_the_earlier_one_back(page, server):
    press(page, "accept", 0)
    press(page, "reject", 0)
    press(page, "accept", 3)
    assert states(server) == ["reject", "", "", "accept", "", ""]
    assert [shown(press(page, "undo", 4))["place"] for _ in range(2)] == [3, 0]
    assert states(server) == ["accept", "", "", "", "", ""]
    press(page, "undo", 0)
    assert shown(press(page, "undo", 0))["message"] == "there is nothing to undo"


def test_edits_are_advised_but_not_forbidden(page):
    advised = shown(press(page, "edit", 0, "the car in the bounding box"))
    assert "mentions a box" in advised["message"] and advised["place"] == 0
    assert "the car in the bounding box" in advised["text"] and "number a on the left" in advised["text"]
    refused = press(page, "edit", 0, " ")
    assert refused.status_code == 500 and "must not be empty" in refused.json()["error"]


def test_images_are_8_bit_jpeg(page, tmp_path):
    deep = Image.new("I;16", (64, 48), 7000)
    deep.putpixel((0, 0), 7500)
    deep.save(tmp_path / "ir" / "000.png")
    for stream in ("rgb", "ir"):
        answer = page.get(f"/image/0/{stream}")
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (64, 48)
    for path in ("/image/0/depth", "/image/99/rgb", "/image/-1/rgb", "/image/x/rgb", "/image/../../etc/passwd"):
        assert page.get(path).status_code == 404


def test_other_origins_and_hosts_are_refused(page, server):
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        for path in ("/", "/config", "/gradio_api/info", "/image/0/rgb"):
            assert page.get(path, headers=headers).status_code == 403, headers
        for button in ("accept", "undo", "write"):
            answer = page.post(f"/gradio_api/run/{button}", json={"data": [0, False]}, headers=headers)
            assert answer.status_code == 403, headers
    assert states(server) == [""] * 6


def test_change_without_origin_or_in_another_form_is_refused(page, server):
    body = {"data": [0, False]}
    assert httpx.post(f"{server.url}gradio_api/run/accept", json=body, trust_env=False).status_code == 403
    assert page.post("/gradio_api/run/accept", data=body).status_code == 422
    assert page.post("/gradio_api/run/accept", json=[1]).status_code == 422
    assert press(page, "edit", 0, "x" * 30_000).status_code == 413
    assert page.post("/gradio_api/upload", files={"files": b"x" * 30_000}).status_code == 413
    assert press(page, "burn", 0).status_code >= 400
    for index in (-1, 6):
        assert "no decision" in press(page, "accept", index).json()["error"]
        assert "no record" in press(page, "cancel", index).json()["error"]
    assert states(server) == [""] * 6


def test_listens_to_this_machine_only_and_loads_nothing_from_elsewhere(server):
    assert server.host == "127.0.0.1"
    answer = httpx.get(server.url, trust_env=False)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "http" not in policy


def test_taken_port_is_one_sentence(server, expressions, tmp_path, capsys):
    arguments = (expressions, "--out", tmp_path / "other.jsonl", "--port", server.port)
    assert run_tool("data/review.py", *arguments) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_changed_expression_is_open_again(expressions, tmp_path):
    records = read_records(expressions)
    with Journal(tmp_path / "journal", {}) as journal:
        Review(records, journal).decide(0, "accept")
    records[0]["expression"] = "another expression about the car"
    with Journal(tmp_path / "journal", {}) as journal:
        assert Review(records, journal).progress()["accept"] == 0


def test_an_export_without_a_decision_is_refused(expressions, tmp_path, capsys):
    assert run_tool("data/review.py", expressions, "--out", tmp_path / "out.jsonl", "--export") == 1
    assert "is accepted yet: decide on the page first" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_unknown_record_is_refused(expressions, tmp_path):
    with Journal(tmp_path / "journal", {}) as journal, pytest.raises(DataError, match="no decision"):
        Review(read_records(expressions), journal).decide(6, "accept")


@pytest.mark.parametrize(
    "line",
    [
        '{"x": 1}',
        '{"sample_id": "a", "decision": "undo", "time": ""}',
        '{"sample_id": ["a"], "decision": "accept", "was": "a car", "time": ""}',
        '{"sample_id": "a", "decision": "fly", "was": "a car", "time": ""}',
        '{"sample_id": "a", "decision": "edit", "was": "a car", "expression": 7, "time": ""}',
    ],
)
def test_a_line_that_is_no_decision_is_named(expressions, tmp_path, line):
    path = tmp_path / "journal"
    path.write_text(f'{{"settings": {{}}}}\n{line}\n')
    with Journal(path, {}) as journal, pytest.raises(DataError, match=r"line 2 of .*journal is not a decision"):
        Review(read_records(expressions), journal)


@pytest.mark.slow
def test_decisions_survive_a_kill(expressions, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    command = [sys.executable, ROOT / "tools/data/review.py", expressions, "--out", out, "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    tool = subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True)
    url = next(word for word in tool.stdout.readline().split() if word.startswith("http"))
    with httpx.Client(base_url=url, headers={"Origin": url.rstrip("/")}, trust_env=False, timeout=20) as page:
        press(page, "accept", 0)
        press(page, "reject", 2)
        os.kill(tool.pid, signal.SIGKILL)
        tool.wait()
    assert not out.exists()
    assert run_tool("data/review.py", expressions, "--out", out, "--export") == 0
    assert "1 accepted, 0 edited, 1 rejected, 4 open of 6" in capsys.readouterr().out
    assert len(read_records(out)) == 1


def test_ctrl_c_writes_the_result(expressions, tmp_path, monkeypatch):
    def decide_and_interrupt(server):
        server.review.decide(3, "accept")
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve_forever", decide_and_interrupt)
    assert run_tool("data/review.py", expressions, "--out", tmp_path / "out.jsonl", "--port", 0) == 0
    assert [record["sample_id"] for record in read_records(tmp_path / "out.jsonl")] == ["raw/train/000003"]


class Reviewer:
    """A person at the keyboard."""

    def __init__(self, browser, url: str) -> None:
        self.browser = browser
        browser.goto(url)

    def sees(self, index: int) -> Reviewer:
        self.browser.wait_for_selector(f"[data-place='{index}']")
        self.browser.wait_for_selector("body:not([data-busy])")
        return self

    def press(self, *keys: str) -> Reviewer:
        for key in keys:
            self.browser.keyboard.press(key)
            self.browser.wait_for_selector("body:not([data-busy])")
        return self

    def text(self, selector: str) -> str:
        return self.browser.inner_text(selector)

    def until(self, selector: str, text: str) -> Reviewer:
        self.browser.locator(selector, has_text=text).wait_for()
        return self


def test_page_in_a_browser(browser, server):
    person = Reviewer(browser, server.url).sees(0)
    assert person.text(".expression") == "the car number a on the left"
    assert browser.locator("#images svg").count() == 2
    # Both images have arrived, and the box lies around its place in the image.
    browser.wait_for_function(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/image/0/')).length >= 2"
    )
    assert browser.locator("#images svg").first.get_attribute("viewBox") == "0 0 64 48"
    assert -8 < float(browser.locator("#images rect.box").first.get_attribute("x")) < 0

    person.press("a").sees(1)
    # The attack is text, and nothing else.
    assert person.text(".expression") == SCRIPT
    assert browser.locator(".expression *").count() == 0 and browser.title() == "Review of expressions"

    person.press("r").sees(2).press("u").sees(1).press("e")
    editor = browser.locator("#editor textarea")
    assert editor.input_value() == SCRIPT
    editor.wait_for()
    browser.wait_for_function("document.activeElement.tagName === 'TEXTAREA'")
    browser.keyboard.press("Control+a")
    browser.keyboard.type("the person with an a, an e and an r")
    browser.keyboard.press("Enter")
    person.sees(2).press("ArrowLeft").sees(1)
    assert person.text(".expression") == "the person with an a, an e and an r"
    person.press("e")
    browser.wait_for_function("document.activeElement.tagName === 'TEXTAREA'")
    browser.keyboard.type("x")
    person.press("Escape")
    editor.wait_for(state="hidden")
    assert person.text(".expression") == "the person with an a, an e and an r"
    person.press("ArrowRight").sees(2).press("z")
    browser.wait_for_selector("#images svg[viewBox='15 7 16 12']")
    person.press("b")
    assert browser.locator("#images rect.box").first.is_hidden()
    person.press("n").sees(3).press("r").sees(4).press("a").sees(5).press("a").sees(2)
    assert "5 of 6" in person.text("#counts") and "1 edited" in person.text("#counts")

    person.press("x").until("#message", "4 records are in")
    kept = [record["expression"] for record in read_records(server.out)]
    assert len(kept) == 4 and kept[1] == "the person with an a, an e and an r"

    browser.reload()
    person.sees(2)
    assert browser.problems == []


def test_keys_pressed_in_a_hurry_decide_about_what_is_seen(browser, server):
    person = Reviewer(browser, server.url).sees(0)
    # The second one comes before the next record is there.
    browser.evaluate("['a', 'r'].forEach((key) => document.dispatchEvent(new KeyboardEvent('keydown', {key})))")
    person.sees(1)
    assert states(server) == ["accept", "", "", "", "", ""]


def test_page_fits_a_phone(browser, server):
    browser.set_viewport_size(PHONE)
    Reviewer(browser, server.url).sees(0)
    assert browser.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    boxes = [button.bounding_box() for button in browser.locator("#keys button:visible").all()]
    assert len(boxes) == 10
    for box in boxes:
        assert box["x"] >= 0 and box["y"] + box["height"] <= PHONE["height"]


def test_page_says_when_the_server_has_gone(browser, server):
    person = Reviewer(browser, server.url).sees(0)
    browser.context.set_offline(True)
    browser.keyboard.press("a")
    browser.wait_for_selector("[data-testid=toast-body]")
    assert "0 of 6" in person.text("#counts")
    assert states(server) == [""] * 6


def test_what_is_no_text_is_refused_or_cleaned_and_the_journal_stays_readable(page, server, expressions, tmp_path):
    for expression in (None, 5, 1.5, True, [1], {"a": 1}, "\ud800 car", "the\x00car", "the car" * 2000):
        body = json.dumps({"data": [0, False, expression]})  # a lone surrogate is ASCII here
        answer = page.post("/gradio_api/run/edit", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 413, 422, 500) and "Traceback" not in answer.text, expression
        press(page, "accept", 1)
        shutil.copy(tmp_path / "journal", tmp_path / "copy")
        with Journal(tmp_path / "copy", {"kind": "review"}) as journal:
            records = Review(read_records(expressions), journal).result()
        write_records(server.out, records, server.image_root)
        assert len(read_records(server.out)) == len(records), expression


def test_a_place_that_is_no_record_is_refused(page, server):
    for place in (None, "0", 0.5, True, [0], 10**30):
        before = states(server)
        answer = page.post("/gradio_api/run/accept", json={"data": [place, False]})
        assert answer.status_code in (200, 422, 500) and "Traceback" not in answer.text, place
        if answer.status_code != 200:
            assert states(server) == before, place
