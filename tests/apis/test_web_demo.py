"""The demo page over HTTP and in a browser: what it answers, whom it refuses, how it reports mistakes."""

from __future__ import annotations

import io
import json
import shutil
import socket
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio")

from rgbtvg.apis.shipped import shipped_inferencer, shipped_pairs
from rgbtvg.apis.web_demo import CANDIDATES, DemoServer
from rgbtvg.errors import ConfigError
from rgbtvg.web import HOST, SenderCheck, listen
from rgbtvg.web.serving import MOST_WAITING
from tests.run_tool import run_tool
from tests.serving import client, served

EXPRESSION = "the warm car"


@pytest.fixture(scope="module")
def server(inferencer):
    with served(DemoServer(inferencer)) as server:
        yield server


@pytest.fixture(scope="module")
def url(server):
    return server.url.rstrip("/")


@pytest.fixture
def page(server):
    """A client that sends what the page's own script sends."""
    with client(server) as page:
        yield page


@pytest.fixture(scope="module")
def shipped():
    """The page of the model that comes with the package."""
    with served(DemoServer(shipped_inferencer("cpu", candidates=CANDIDATES))) as server:
        yield server


def uploaded(page, path):
    with open(path, "rb") as file:
        answer = page.post("/gradio_api/upload", files={"files": (path.name, file)})
    assert answer.status_code == 200, answer.text
    return {"path": answer.json()[0], "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def asked(page, sentences, *data, cameras="both"):
    """The last event of one question."""
    data = [sentences, *data, cameras]
    call = page.post("/gradio_api/call/find", json={"data": data})
    assert call.status_code == 200, call.text
    events = page.get(f"/gradio_api/call/find/{call.json()['event_id']}").text.strip().splitlines()
    return events[-2].removeprefix("event: "), json.loads(events[-1].removeprefix("data: "))


def test_two_uploads_and_an_expression_give_boxes_as_data(page, images, inferencer):
    event, (answers,) = asked(page, EXPRESSION, *(uploaded(page, path) for path in images))
    assert event == "complete"
    assert answers == [inferencer(*images, EXPRESSION).to_dict()]


def test_every_line_is_a_sentence_and_one_camera_is_enough(page, images):
    rgb, thermal = (uploaded(page, path) for path in images)
    (answers,) = asked(page, "the car\n\n the person ", rgb, thermal)[1]
    assert [answer["expression"] for answer in answers] == ["the car", "the person"]
    (answers,) = asked(page, EXPRESSION, rgb, None, cameras="rgb")[1]
    assert any("thermal image is blank" in warning for warning in answers[0]["warnings"])
    event, answer = asked(page, EXPRESSION, rgb, None, cameras="ir")
    assert event == "error" and "no thermal image was given" in answer["error"]
    event, answer = asked(page, "a car\n" * 33, rgb, thermal)
    assert event == "error" and "at most 32 sentences" in answer["error"]


def test_the_snippet_for_programs_works(browser, shipped, monkeypatch, tmp_path, capsys):
    rgb, thermal, _ = shipped_pairs()[0]
    shutil.copy(rgb, tmp_path / "rgb.png")
    shutil.copy(thermal, tmp_path / "thermal.png")
    browser.goto(shipped.url)
    browser.click("text=Use it from Python")
    browser.locator("#snippet", has_text="print(").wait_for()
    snippet = "\n".join(browser.locator("#snippet .cm-line").all_inner_texts())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", HOST)
    exec(snippet, {})
    assert "[[" in capsys.readouterr().out


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_other_hosts_and_origins_are_refused(page, headers):
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/queue/data?session_hash=a", "/nothing"):
        assert page.get(path, headers=headers).status_code == 403
    for path in ("/gradio_api/upload", "/gradio_api/call/find", "/gradio_api/queue/join"):
        assert page.post(path, json={"data": []}, headers=headers).status_code == 403
    preflight = {"Access-Control-Request-Method": "POST", **headers}
    assert page.request("OPTIONS", "/gradio_api/upload", headers=preflight).status_code == 403


def test_a_post_without_origin_or_beyond_the_limit_is_refused(page, url):
    assert httpx.post(f"{url}/gradio_api/call/find", json={"data": []}, trust_env=False).status_code == 403
    with socket.create_connection(url.removeprefix("http://").split(":"), timeout=10) as connection:
        host = url.removeprefix("http://")
        lines = ("POST /gradio_api/upload HTTP/1.1", f"Host: {host}", f"Origin: {url}", "Content-Length: 99999999", "")
        connection.sendall("\r\n".join((*lines, "")).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_no_file_of_this_machine_can_be_named(page, images):
    stolen = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    assert asked(page, EXPRESSION, stolen, uploaded(page, images[1]))[0] == "error"
    for path in ("/etc/passwd", "pyproject.toml", str(Path(__file__))):
        assert page.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_an_open_server_answers_to_addresses_but_not_to_foreign_names():
    check = SenderCheck("0.0.0.0", 7860)
    for host in ("192.168.1.5:7860", "[fe80::1]:7860", "localhost:7860", f"{socket.gethostname()}:7860"):
        check("POST", {"host": host, "origin": f"http://{host}"})
    for host in ("evil.example:7860", "127.0.0.1.evil.example", "", "[bad"):
        with pytest.raises(Exception, match="own name"):
            check("GET", {"host": host})


def test_mistakes_are_one_sentence_on_the_page_and_nothing_in_the_terminal(page, images, tmp_path, capfd):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    rgb, thermal = (uploaded(page, path) for path in images)
    broken = uploaded(page, tmp_path / "broken.jpg")
    for data, expression in (
        ((EXPRESSION, broken, thermal), "image broken.jpg cannot be read"),
        ((EXPRESSION, None, thermal), "no RGB image was given"),
        (("  ", rgb, thermal), "the expression is empty"),
    ):
        event, answer = asked(page, *data)
        assert event == "error" and expression in answer["error"]
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_taken_port_is_one_sentence(url, checkpoints, capsys):
    port = url.rsplit(":", 1)[1]
    assert run_tool("web_demo.py", "--load-from", checkpoints["rgbt"], "--device", "cpu", "--port", port) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"error: port {port} cannot be used") and "\n" not in error
    with pytest.raises(ConfigError, match="--port"):
        listen(HOST, 70_000)


def test_the_queue_is_bounded(server):
    assert server.page._queue.max_size == MOST_WAITING


def test_uploads_are_previewed_and_the_button_stays_in_view(browser, url, images, tmp_path):
    Image.new("RGB", (800, 640), "grey").save(tmp_path / "rgb.png")
    deep = np.linspace(20_000, 24_000, 640 * 800).astype(np.uint16).reshape(640, 800)
    Image.fromarray(deep).save(tmp_path / "thermal.tiff")
    browser.goto(url)
    loaded = "[...document.images].filter(i => i.naturalWidth > 0 && i.src.includes('/file=')).length"
    # The field of a file that is there disappears, so the second one comes first.
    browser.set_input_files("input[type=file] >> nth=1", tmp_path / "thermal.tiff")
    browser.wait_for_function(f"{loaded} == 1")
    browser.set_input_files("input[type=file] >> nth=0", tmp_path / "rgb.png")
    browser.wait_for_function(f"{loaded} == 2")
    box = browser.locator("#find").bounding_box()
    assert box["y"] + box["height"] <= 800
    browser.fill("#sentences textarea", EXPRESSION)
    browser.click("#find")
    browser.wait_for_function(f"{loaded} == 4")  # both sides of the slider
    assert EXPRESSION in browser.inner_text("#notes")
    assert browser.problems == []


def test_a_person_asks_looks_and_saves(browser, shipped, capfd):
    browser.goto(shipped.url)
    browser.click(".card >> nth=1")
    browser.locator("#notes", has_text="the person wearing red").wait_for()
    assert "0.914" in browser.inner_text("#table")
    with browser.expect_download() as saved:
        browser.click("text=Save boxes.csv")
    header, row = Path(saved.value.path()).read_text().splitlines()
    assert header == "expression,score,x0,y0,x1,y1" and row.startswith("the person wearing red in this scene,0.91")

    browser.fill("#sentences textarea", "the person wearing black\nthe yellow car")
    browser.check("#attention input")
    browser.click("#find")
    browser.locator("#which label >> nth=1").click()
    browser.locator("#notes", has_text="the yellow car").wait_for()
    browser.wait_for_selector("#maps img")
    browser.click("text=History")
    browser.locator("#history [role=gridcell]", has_text="the person wearing red").first.click()
    browser.locator("#notes", has_text="the person wearing red").wait_for()

    browser.fill("#sentences textarea", "  ")
    browser.click("#find")
    browser.locator("[data-testid=toast-body]", has_text="the expression is empty").wait_for()
    assert "Traceback" not in "".join(capfd.readouterr())


def colourful(locator):
    """Share of an element's pixels on the screen that have a colour, as thermal images have not."""
    pixels = np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB"), dtype=int)
    return float((np.ptp(pixels, axis=2) > 30).mean())


def test_the_line_between_rgb_and_thermal_can_be_moved(browser, shipped):
    browser.goto(shipped.url)
    browser.click(".card >> nth=1")
    browser.locator("#notes", has_text="the person wearing red").wait_for()
    view = browser.locator("#view .slider-wrap img").first
    line = browser.locator("#view [data-testid=slider]")
    shown = []
    for share in (0.05, 0.95):
        image, handle = view.bounding_box(), line.bounding_box()
        browser.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
        browser.mouse.down()
        browser.mouse.move(image["x"] + share * image["width"], image["y"] + image["height"] / 2, steps=5)
        browser.mouse.up()
        shown.append(colourful(view))
    thermal, rgb = shown
    assert thermal < 0.05 and rgb > 0.15, shown
    assert browser.problems == []


def test_candidates_of_a_lower_score_appear_when_asked_for(browser, shipped):
    browser.goto(shipped.url)
    browser.click(".card >> nth=1")
    browser.locator("#notes", has_text="1 of 20 candidates").wait_for()
    lowest = browser.locator("#threshold input[type=number]")
    lowest.fill("0.05")
    lowest.press("Enter")
    browser.locator("#notes", has_text="2 of 20 candidates").wait_for()
    browser.locator("#table [role=gridcell]", has_text="0.075").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone_by_day_and_night(browser, shipped, scheme):
    browser.set_viewport_size({"width": 390, "height": 844})
    browser.emulate_media(color_scheme=scheme)
    browser.goto(shipped.url)
    browser.click(".card >> nth=2")
    browser.locator("#notes", has_text="the cool car").wait_for()
    assert browser.evaluate("document.documentElement.scrollWidth") == 390
    red = browser.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")
    assert red > 200 if scheme == "light" else red < 60
