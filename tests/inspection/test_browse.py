"""The page of the browser, spoken to as a web browser would, and the contact sheet."""

from __future__ import annotations

import http.client
import io
import json
import threading
import time
from urllib.parse import quote

import pytest
from PIL import Image

from rgbtvg.errors import ConfigError, DataError
from rgbtvg.inspection import browse, read_source, write_sheet
from rgbtvg.inspection.index import Index
from tests.inspection.conftest import EXPRESSION
from tests.run_tool import run_tool

CONFIG = "configs/quickstart/quickstart.py"


def roots(folder):
    return {"data_root": str(folder), "split_root": str(folder / "splits")}


@pytest.fixture(scope="module")
def server(pristine):
    with browse(CONFIG, options=roots(pristine), augmented=True, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def get(server, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def get_json(server, path):
    status, body, _ = get(server, path)
    assert status == 200
    return json.loads(body)


def get_image(server, path):
    status, body, headers = get(server, path)
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    return Image.open(io.BytesIO(body))


def test_the_page_names_what_can_be_chosen(server):
    status, body, headers = get(server, "/")
    assert status == 200
    page = body.decode()
    assert 'data-facet="lighting"' in page and '<option value="testB">' in page and 'id="augmented"' in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/", host="evil.example")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/image/0/../../../etc/passwd",
        "/image/0/" + quote("../../etc/passwd", safe=""),
        "/image/0/rgb/../../../../etc/passwd",
        "//etc/passwd",
        "/image/-1/rgb",
        "/image/999999/rgb",
        "/image/0/depth",
        "/image/0/rgb?width=wide",
        "/search?start=none",
        "/static/style.css",
    ],
)
def test_nothing_but_records_is_served(server, path):
    status, body, _ = get(server, path)
    assert status == 404
    assert b"root:" not in body


def test_search_takes_words_splits_and_conditions(server):
    everything = get_json(server, "/search?count=1000")
    assert everything["total"] == 60 == len(everything["records"])
    dark = get_json(server, f"/search?split=testB&lighting={quote('very weak')}")
    expected = [
        record
        for record in server.index.records
        if "testB" in record["subsets"] and record["conditions"]["lighting"] == "very weak"
    ]
    assert dark["total"] == len(expected) > 0
    word = server.index.records[0]["expression"].split()[-1]
    some = get_json(server, f"/search?text={word.upper()}")
    assert 0 < some["total"] <= 60
    assert all(word in record["expression"].lower() for record in some["records"])


def test_pages_follow_one_another(server):
    pages = [get_json(server, f"/search?start={start}&count=25")["records"] for start in (0, 25, 50, 75)]
    assert [len(page) for page in pages] == [25, 25, 10, 0]
    assert [record["place"] for page in pages for record in page] == list(range(60))


def test_a_record_and_its_images_share_a_frame(server):
    record = get_json(server, "/record/0")
    assert record["boxes"] == server.index.records[0]["boxes"]
    for stream in record["streams"]:
        assert get_image(server, f"/image/0/{stream}").size == (record["width"], record["height"]) == (160, 128)
    assert get_image(server, "/image/0/rgb?width=80").size == (80, 64)
    assert get_image(server, "/image/0/rgb?width=999999").size[0] == 2048


def test_augmentation_repeats_itself_and_can_be_drawn_again(server):
    first, again, other = (get_json(server, f"/record/0?augmented=1&draw={draw}") for draw in (0, 0, 1))
    assert first == again
    assert (first["width"], first["height"]) == (64, 64)
    records = [get_json(server, f"/record/{place}?augmented=1") for place in range(12)]
    raw = [get_json(server, f"/record/{place}") for place in range(12)]
    mirrored = [r["expression"] != plain["expression"] for r, plain in zip(records, raw, strict=True)]
    assert any(mirrored) or first["boxes"] != other["boxes"]
    assert get_image(server, "/image/0/ir?augmented=1").size == (64, 64)


def test_what_cannot_be_read_is_said(spoilable):
    spoilable.image("ir").unlink()
    with browse(spoilable.root, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        record = get_json(server, "/record/0")
        assert record["streams"] == ["rgb"] and "cannot be read" in record["problem"]
        assert get(server, "/image/0/ir")[0] == 404
        server.shutdown()


def test_hostile_names_are_text_on_the_page(spoilable):
    rows = spoilable.rows()
    rows[0][EXPRESSION] = "<script>alert(1)</script>"
    rows[0][4] = '"><script>alert(2)</script>'
    spoilable.write_rows(rows)
    with browse(spoilable.root, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = get(server, "/")[1].decode()
        server.shutdown()
    assert "<script>alert" not in page


def test_a_search_over_forty_thousand_records_is_quick(pristine):
    records = read_source(pristine).records * 700
    index = Index(records)
    start = time.process_time()
    found = index.search("CAR red", "test", {"lighting": "normal"})
    assert time.process_time() - start < 1
    assert len(found) % 700 == 0


def test_a_taken_port_and_missing_pipelines_are_one_sentence(server, pristine):
    for port in (server.server_port, 70_000):
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


def test_no_hits_are_said_and_boxes_have_an_edge(browser, server):
    def until(condition):
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    browser.get(f"http://127.0.0.1:{server.server_port}/")
    until(lambda: browser.find_elements("css selector", ".card"))
    assert not browser.find_element("id", "none").is_displayed()
    browser.find_element("id", "text").send_keys("nosuchword")
    until(lambda: browser.find_element("id", "none").is_displayed())
    browser.find_element("id", "reset").click()
    until(lambda: browser.find_elements("css selector", ".card"))
    browser.find_element("css selector", ".card").click()
    until(lambda: browser.find_elements("css selector", ".stage rect.edge + rect.line"))
