"""The demo page over HTTP and in a browser: what it answers, whom it refuses, how it reports mistakes."""

from __future__ import annotations

import json
import socket
import threading
import time

import httpx
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio")

import uvicorn

from rgbtvg.apis.web_demo import build_page, guarded_app
from rgbtvg.errors import ConfigError
from rgbtvg.local_server import HOST, SenderCheck, listen
from tests.run_tool import run_tool

EXPRESSION = "the warm car"


@pytest.fixture(scope="module")
def url(inferencer):
    listener = listen(HOST, 0)
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(guarded_app(build_page(inferencer), HOST, port), log_level="error"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://{HOST}:{port}"
    server.should_exit = True
    thread.join(5)


@pytest.fixture
def page(url):
    """A client that sends what the page's own script sends."""
    with httpx.Client(base_url=url, headers={"Origin": url}, trust_env=False, timeout=20) as client:
        yield client


def uploaded(page, path):
    with open(path, "rb") as file:
        answer = page.post("/gradio_api/upload", files={"files": (path.name, file)})
    assert answer.status_code == 200, answer.text
    return {"path": answer.json()[0], "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def asked(page, *data):
    """The last event of one question."""
    call = page.post("/gradio_api/call/find", json={"data": list(data)})
    assert call.status_code == 200, call.text
    events = page.get(f"/gradio_api/call/find/{call.json()['event_id']}").text.strip().splitlines()
    return events[-2].removeprefix("event: "), json.loads(events[-1].removeprefix("data: "))


def test_two_uploads_and_an_expression_give_an_image_and_a_box(page, images, inferencer):
    event, (image, text) = asked(page, EXPRESSION, *(uploaded(page, path) for path in images))
    assert event == "complete"
    assert text == inferencer(*images, EXPRESSION).summary()
    address = image["url"]
    assert page.get(address[address.index("/gradio_api") :]).content.startswith(b"\x89PNG")


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
    assert page.get("/gradio_api/file=/etc/passwd").status_code in (403, 404)


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


def test_uploads_are_previewed_and_the_button_stays_in_view(browser, url, images, tmp_path):
    Image.new("RGB", (800, 640), "grey").save(tmp_path / "rgb.png")
    deep = np.linspace(20_000, 24_000, 640 * 800).astype(np.uint16).reshape(640, 800)
    Image.fromarray(deep).save(tmp_path / "thermal.tiff")
    browser.get(url)

    def until(condition):
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def shown():
        return browser.execute_script("return [...document.images].filter(i => i.naturalWidth > 0).length")

    until(lambda: len(browser.find_elements("css selector", "input[type=file]")) == 2)
    for field, name in zip(
        browser.find_elements("css selector", "input[type=file]"), ("rgb.png", "thermal.tiff"), strict=True
    ):
        field.send_keys(str(tmp_path / name))
    until(lambda: shown() >= 2)
    button = next(button for button in browser.find_elements("tag name", "button") if button.text == "Find")
    assert button.rect["y"] + button.rect["height"] <= 800
    browser.find_element("tag name", "textarea").send_keys(EXPRESSION)
    button.click()
    until(lambda: shown() >= 3)
