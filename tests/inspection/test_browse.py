"""The page of the browser, spoken to as a web browser would, and the contact sheet."""

from __future__ import annotations

import http.client
import io
import json
import time
from urllib.parse import quote

import pytest
from PIL import Image

from rgbtvg.errors import ConfigError, DataError
from rgbtvg.inspection import browse, read_source, write_sheet
from rgbtvg.inspection.index import Index
from tests.inspection.conftest import EXPRESSION
from tests.run_tool import run_tool
from tests.serving import served

pytest.importorskip("gradio")

CONFIG = "configs/quickstart/quickstart.py"


def roots(folder):
    return {"data_root": str(folder), "split_root": str(folder / "splits")}


@pytest.fixture(scope="module")
def server(pristine):
    with served(browse(CONFIG, options=roots(pristine), augmented=True, port=0)) as server:
        yield server


def get(server, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.port}")
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def get_image(server, path):
    status, body, headers = get(server, path)
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    return Image.open(io.BytesIO(body))


def test_the_page_names_what_can_be_chosen(server):
    status, body, headers = get(server, "/")
    assert status == 200
    page = body.decode()
    assert "facet-lighting" in page and "testB (" in page and "as training sees them" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_it_listens_on_this_machine_only(server):
    assert server.host == "127.0.0.1"
    assert get(server, "/", host="evil.example")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/image/0/../../../etc/passwd",
        "/image/0/" + quote("../../etc/passwd", safe=""),
        "/image/0/rgb/../../../../etc/passwd",
        "//etc/passwd",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=pyproject.toml",
        "/image/-1/rgb",
        "/image/999999/rgb",
        "/image/0/depth",
        "/image/0/rgb?width=wide",
        "/image/0/rgb?draw=-1",
        "/static/style.css",
        "/docs",
    ],
)
def test_nothing_but_records_is_served(server, path):
    status, body, _ = get(server, path)
    assert status in ((403, 404) if "file=" in path else (404,))
    assert b"root:" not in body and b"rgbtvg" not in body


def test_search_takes_words_splits_and_conditions(server):
    assert len(server.search()) == 60
    chosen = {"split": "testB", "lighting": "very weak"}
    dark = server.search("", *(chosen.get(name) for name in server.facets))
    expected = [
        place
        for place, record in enumerate(server.index.records)
        if "testB" in record["subsets"] and record["conditions"]["lighting"] == "very weak"
    ]
    assert dark == expected != []
    word = server.index.records[0]["expression"].split()[-1]
    some = server.search(word.upper())
    assert 0 < len(some) <= 60
    assert all(word in server.index.records[place]["expression"].lower() for place in some)


def test_a_record_and_its_images_share_a_frame(server):
    assert get_image(server, "/image/0/rgb").size == get_image(server, "/image/0/ir").size == (160, 128)
    assert get_image(server, "/image/0/rgb?width=80").size == (80, 64)
    assert get_image(server, "/image/0/rgb?width=999999").size[0] == 2048


def test_augmentation_repeats_itself_and_can_be_drawn_again(server):
    first = server.view(0, True, 0)
    server.view.cache_clear()
    again, other = server.view(0, True, 0), server.view(0, True, 1)
    assert (first.boxes_xyxy, first.expression) == (again.boxes_xyxy, again.expression)
    assert first.images["rgb"].tobytes() == again.images["rgb"].tobytes() != other.images["rgb"].tobytes()
    mirrored = [
        server.view(place, True, 0).expression != server.view(place, False, 0).expression for place in range(12)
    ]
    assert any(mirrored) or first.boxes_xyxy != other.boxes_xyxy
    assert get_image(server, "/image/0/ir?augmented=1").size == (64, 64)
    assert get(server, "/image/0/ir?augmented=1")[1] != get(server, "/image/0/ir?augmented=1&draw=1")[1]


def test_a_search_over_forty_thousand_records_is_quick(pristine):
    records = read_source(pristine).records * 700
    index = Index(records)
    start = time.process_time()
    found = index.search("CAR red", "test", {"lighting": "normal"})
    assert time.process_time() - start < 1
    assert len(found) % 700 == 0


def test_a_taken_port_and_missing_pipelines_are_one_sentence(server, pristine):
    for port in (server.port, 70_000):
        with pytest.raises(ConfigError, match="--port"):
            browse(pristine, port=port)
    with pytest.raises(ConfigError, match="only a config"):
        browse(pristine, augmented=True, port=0)


def test_contact_sheet(pristine, tmp_path, capsys):
    out = tmp_path / "sheets" / "dark.png"
    arguments = ("--sheet", out, "--num", 2, "--columns", 2, "--width", 160)
    assert run_tool("data/browse.py", pristine, *arguments, "--split", "test", "--where", "lighting=weak") == 0
    assert "wrote 2 records" in capsys.readouterr().out
    assert Image.open(out).width > 4 * 160
    assert run_tool("data/browse.py", pristine, *arguments, "--where", "lighting") == 1
    assert "CONDITION=VALUE" in capsys.readouterr().err


def test_contact_sheet_of_augmented_pairs_repeats_itself(pristine, tmp_path):
    sheets = []
    for name in ("a.png", "b.png"):
        write_sheet(CONFIG, tmp_path / name, options=roots(pristine), augmented=True, num=4, width=96)
        sheets.append((tmp_path / name).read_bytes())
    assert sheets[0] == sheets[1]


def test_contact_sheet_of_nothing_says_what_there_is(pristine, tmp_path):
    with pytest.raises(DataError, match="lighting: "):
        write_sheet(pristine, tmp_path / "none.png", text="no such expression anywhere")


def test_a_source_without_a_record_gives_the_reason(tmp_path):
    image = {"id": 1, "file_name": "1.png", "height": 48, "width": 64}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 6, 20, 20]}
    sentence = {"split": "train", "image_id": 1, "ann_id": 1, "sentences": [{"sent": "the red car"}]}
    categories = [{"id": 1, "name": "car"}]
    tables = {"instances": {"images": [image], "annotations": [box], "categories": categories}, "refs": [sentence]}
    for name, content in tables.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="there is no folder of rgb images under "):
        write_sheet(tmp_path, tmp_path / "none.png")


def test_what_cannot_be_read_is_said(browser, spoilable):
    spoilable.image("ir").unlink()
    with served(browse(spoilable.root, port=0)) as server:
        assert get(server, "/image/0/ir")[0] == 404
        browser.goto(server.url)
        browser.click(".card >> nth=0")
        browser.locator(".problem", has_text="cannot be read").wait_for()
        assert browser.locator("#stages figure").count() == 1


def test_hostile_names_are_text_on_the_page(browser, spoilable):
    rows = spoilable.rows()
    rows[0][EXPRESSION] = "<script>alert(1)</script><img src=x onerror='document.title=1'>"
    rows[0][4] = '"><script>alert(2)</script>'
    spoilable.write_rows(rows)
    with served(browse(spoilable.root, port=0)) as server:
        assert "<script>alert" not in get(server, "/")[1].decode()
        browser.goto(server.url)
        browser.click(".card >> nth=0")
        assert browser.inner_text("#viewer .expression") == rows[0][EXPRESSION]
        assert browser.locator(".expression *").count() == 0 and browser.title() == server.title


def test_search_pages_and_viewer(browser, server):
    browser.goto(server.url)
    browser.locator("#count", has_text="60 of 60 records · page 1 of 2").wait_for()
    assert browser.locator(".card").count() == 48
    browser.click("#later")
    browser.locator("#count", has_text="page 2 of 2").wait_for()
    browser.wait_for_function("document.querySelectorAll('.card').length === 12")
    browser.fill("#search textarea, #search input", "nosuchword")
    browser.locator("#grid", has_text="No record matches").wait_for()
    browser.click("#reset")
    browser.wait_for_function("document.querySelectorAll('.card').length === 48")

    browser.click(".card >> nth=1")
    browser.wait_for_selector("#viewer [data-at='1']")
    browser.wait_for_selector("#stages rect.edge + rect.box")
    browser.keyboard.press("ArrowRight")
    browser.wait_for_selector("#viewer [data-at='2']")
    expected = server.index.records[2]["expression"]
    assert browser.inner_text("#viewer .expression") == expected
    browser.keyboard.press("ArrowLeft")
    browser.wait_for_selector("#viewer [data-at='1']")
    browser.click("#mode >> text=thermal")
    browser.locator("#stages [data-stream=rgb]").wait_for(state="hidden")
    browser.click("#mode >> text=blended")
    browser.locator("#stages [data-stream=rgb]").wait_for()
    browser.locator("#blend input[type=range]").fill("80")
    browser.wait_for_function("getComputedStyle(document.querySelector('#stages [data-stream=ir]')).opacity === '0.8'")
    browser.keyboard.press("b")
    browser.locator("#stages rect.box").first.wait_for(state="hidden")
    browser.keyboard.press("Escape")
    browser.locator("#viewer").wait_for(state="hidden")

    before = browser.locator(".card img").first.get_attribute("src")
    browser.check("#augmented input")
    browser.wait_for_selector(".card img[src*='augmented=1&draw=0']")
    browser.click("#redraw")
    browser.wait_for_selector(".card img[src*='augmented=1&draw=1']")
    assert "augmented=0" in before and browser.problems == []


def test_page_fits_a_phone(browser, server):
    browser.set_viewport_size({"width": 390, "height": 844})
    browser.goto(server.url)
    browser.click(".card >> nth=0")
    browser.wait_for_selector("#stages figure")
    assert browser.evaluate("document.documentElement.scrollWidth") == 390
    assert browser.locator("#close").bounding_box()["y"] < 844
