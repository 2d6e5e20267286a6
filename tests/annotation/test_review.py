"""The review page: what it decides, whom it answers, and how it works in a real browser."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from PIL import Image

from rgbtvg.annotation import Journal, Review, ReviewServer
from rgbtvg.datasets.canonical import read_records, write_records
from rgbtvg.errors import DataError
from tests.run_tool import run_tool

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
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
        with ReviewServer(review, tmp_path / "out.jsonl", tmp_path) as server:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield server
            server.shutdown()


@pytest.fixture
def page(server):
    """What the page's own script can do."""
    with httpx.Client(base_url=server.url, headers={"Origin": server.url.rstrip("/")}, trust_env=False) as client:
        yield client


def decide(page, index, decision, **more):
    return page.post("/decide", json={"index": index, "decision": decision, **more})


def test_decisions_become_records(page, server):
    assert decide(page, 0, "accept").json()["progress"] == {"all": 6, "accept": 1, "edit": 0, "reject": 0}
    decide(page, 1, "reject")
    decide(page, 2, "edit", expression="  the traffic light\n above the road ")
    assert page.post("/export", json={}).json()["count"] == 2
    first, second = read_records(server.out)
    assert first["expression"] == "the car number a on the left"
    assert first["extra"]["review"]["decision"] == "accept"
    assert second["expression"] == "the traffic light above the road"
    assert second["extra"]["review"]["was"] == "the traffic light number c on the left"
    assert first["extra"]["category"] == "car"


def test_later_decision_counts_and_undo_brings_the_earlier_one_back(page):
    decide(page, 0, "accept")
    decide(page, 0, "reject")
    decide(page, 3, "accept")
    assert page.get("/state").json()["states"] == ["reject", "", "", "accept", "", ""]
    assert [page.post("/undo", json={}).json()["index"] for _ in range(2)] == [3, 0]
    assert page.get("/state").json()["states"] == ["accept", "", "", "", "", ""]
    page.post("/undo", json={})
    assert page.post("/undo", json={}).json()["index"] is None


def test_edits_are_advised_but_not_forbidden(page):
    assert "mentions a box" in decide(page, 0, "edit", expression="the car in the bounding box").json()["advice"]
    assert page.get("/record/0").json()["decision"]["expression"] == "the car in the bounding box"
    refused = decide(page, 0, "edit", expression=" ")
    assert refused.status_code == 400 and "must not be empty" in refused.json()["error"]


def test_images_are_8_bit_jpeg(page, tmp_path):
    deep = Image.new("I;16", (64, 48), 7000)
    deep.putpixel((0, 0), 7500)
    deep.save(tmp_path / "ir" / "000.png")
    for stream in ("rgb", "ir"):
        answer = page.get(f"/image/0/{stream}")
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (64, 48)
    assert page.get("/image/0/depth").status_code == 400
    assert page.get("/image/99/rgb").status_code == 404
    assert page.get("/image/../../etc/passwd").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_origins_and_hosts_are_refused(page, headers):
    for path in ("/", "/state", "/record/0", "/image/0/rgb"):
        assert page.get(path, headers=headers).status_code == 403
    for path in ("/decide", "/undo", "/export"):
        answer = page.post(path, json={"index": 0, "decision": "accept"}, headers=headers)
        assert answer.status_code == 403
    assert page.get("/state").json()["states"] == [""] * 6


def test_change_without_origin_or_in_another_form_is_refused(page, server):
    body = {"index": 0, "decision": "accept"}
    assert httpx.post(f"{server.url}decide", json=body, trust_env=False).status_code == 403
    assert page.post("/decide", data=body).status_code == 415
    assert page.post("/decide", content="[1]", headers={"Content-Type": "application/json"}).status_code == 400
    assert page.post("/decide", json={**body, "expression": "x" * 30_000}).status_code == 413
    assert decide(page, 0, "burn").status_code == 400
    assert decide(page, -1, "accept").status_code == 400
    assert page.get("/state").json()["states"] == [""] * 6


def test_listens_to_this_machine_only_and_loads_nothing_from_elsewhere(server):
    assert server.server_address[0] == "127.0.0.1"
    answer = httpx.get(server.url, trust_env=False)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    text = answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in text and "https:" not in text and "{{" not in text


def test_taken_port_is_one_sentence(server, expressions, tmp_path, capsys):
    arguments = (expressions, "--out", tmp_path / "other.jsonl", "--port", server.server_port)
    assert run_tool("data/review.py", *arguments) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_changed_expression_is_open_again(expressions, tmp_path):
    records = read_records(expressions)
    with Journal(tmp_path / "journal", {}) as journal:
        Review(records, journal).decide(0, "accept")
    records[0]["expression"] = "another expression about the car"
    with Journal(tmp_path / "journal", {}) as journal:
        assert Review(records, journal).progress()["accept"] == 0


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


def test_decisions_survive_a_kill(expressions, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    command = [sys.executable, ROOT / "tools/data/review.py", expressions, "--out", out, "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    tool = subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True)
    url = next(word for word in tool.stdout.readline().split() if word.startswith("http"))
    with httpx.Client(base_url=url, headers={"Origin": url.rstrip("/")}, trust_env=False) as page:
        decide(page, 0, "accept")
        decide(page, 2, "reject")
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
        browser.get(url)

    def sees(self, index: int) -> Reviewer:
        return self.until(lambda: self.attribute("body", "data-ready") == str(index))

    def until(self, condition) -> Reviewer:
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.browser, 60).until(lambda _: condition())
        return self

    def press(self, *keys: str) -> Reviewer:
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)
        return self

    def text(self, selector: str) -> str:
        return self.browser.find_element("css selector", selector).text

    def attribute(self, selector: str, name: str) -> str:
        return self.browser.find_element("css selector", selector).get_dom_attribute(name)

    def count(self, selector: str) -> int:
        return len(self.browser.find_elements("css selector", selector))


def test_page_in_a_browser(browser, server):
    from selenium.webdriver.common.keys import Keys

    person = Reviewer(browser, server.url).sees(0)
    assert person.text("#expression") == "the car number a on the left"
    assert person.count("#images svg") == 2
    # Both images have arrived, and the box lies around its place in the image.
    script = "return performance.getEntriesByType('resource').filter(e => e.name.includes('/image/0/')).length"
    person.until(lambda: browser.execute_script(script) >= 2)
    assert person.attribute("#images svg", "viewBox") == "0 0 64 48"
    assert -8 < float(person.attribute("#images rect.box", "x")) < 0

    person.press("a").sees(1)
    # The attack is text, and nothing else.
    assert person.text("#expression") == SCRIPT
    assert person.count("#expression *") == 0 and browser.title == "Review of expressions"

    person.press("r").sees(2).press("u").sees(1).press("e")
    editor = browser.find_element("css selector", "#editor")
    assert editor.get_attribute("value") == SCRIPT
    person.press(Keys.CONTROL + "a", "the person with an a, an e and an r", Keys.ENTER).sees(2)
    person.press(Keys.ARROW_LEFT).sees(1)
    assert person.text("#expression") == "the person with an a, an e and an r"
    person.press("e", "x", Keys.ESCAPE)
    assert person.text("#expression") == "the person with an a, an e and an r"
    person.press(Keys.ARROW_RIGHT).sees(2).press("z")
    assert person.attribute("#images svg", "viewBox") == "15 7 16 12"
    person.press("n").sees(3).press("r").sees(4).press("a").sees(5).press("a").sees(2)
    assert "5 of 6" in person.text("#counts") and "1 edited" in person.text("#counts")

    person.press("x").until(lambda: "4 records are in" in person.text("#message"))
    kept = [record["expression"] for record in read_records(server.out)]
    assert len(kept) == 4 and kept[1] == "the person with an a, an e and an r"

    browser.refresh()
    person.sees(2)
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_page_fits_a_phone(browser, server):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    Reviewer(browser, server.url).sees(0)
    assert browser.execute_script("return document.documentElement.scrollWidth") == PHONE["width"]
    for button in browser.find_elements("css selector", "footer button"):
        assert button.rect["x"] >= 0 and button.rect["y"] + button.rect["height"] <= PHONE["height"]


def test_page_says_when_the_server_has_gone(browser, server):
    person = Reviewer(browser, server.url).sees(0)
    server.shutdown()
    server.server_close()
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    person.press("a").until(lambda: "is it still running" in person.text("#message"))
    assert "0 of 6" in person.text("#counts")
