"""An annotation run against a local stand-in for an OpenAI-compatible server."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from rgbtvg.annotation import AnnotationSettings, EndpointModel, NoAnswer, annotate
from rgbtvg.annotation.prompts import FRAME_COLOUR
from rgbtvg.datasets.canonical import read_records
from rgbtvg.errors import ConfigError, DataError
from tests.annotation.standin import StandIn
from tests.run_tool import run_tool

ROOT = Path(__file__).parents[2]
# Nearly every second request fails; which ones, is a matter of chance where several are under way.
FAULTS = (None, 429, None, None, 500, "garbage", None, 503, None, "drop", None)


def endpoint(server, **options) -> EndpointModel:
    return EndpointModel(server.url, "tiny-vlm", **{"timeout": 5, **options})


def without_time(path: Path) -> list[dict]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        for story in row["extra"]["annotation"].values():
            if isinstance(story, dict):
                story.pop("time")
    return rows


def test_every_row_is_labelled_with_its_provenance(raw, tmp_path):
    with StandIn(stubborn=0) as server:
        status = run_tool(
            "data/annotate.py", raw, "--out", tmp_path / "out.jsonl", "--endpoint", server.url, "--model", "tiny-vlm"
        )
    assert status == 0
    records = read_records(tmp_path / "out.jsonl")
    assert [record["sample_id"] for record in records] == [record["sample_id"] for record in read_records(raw)]
    for record in records:
        assert record["extra"]["category"] in record["expression"]
        assert record["conditions"]["lighting"] in ("very weak", "weak", "normal", "strong")
        story = record["extra"]["annotation"]["expression"]
        assert story["model"] == "tiny-vlm"
        assert story["host"] == server.url.split("/")[2]
        assert re.fullmatch(r"expression v\d+ [0-9a-f]{12}", story["prompt"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", story["time"])
        assert story["answer"]
    # Boxes of 20 x 40 are small, those of 30 x 40 and 40 x 40 are not.
    assert [record["conditions"]["size"] for record in records[:3]] == ["small", "normal", "normal"]
    assert "1024" in records[0]["extra"]["annotation"]["size"]


def test_light_is_asked_once_an_image(raw, tmp_path):
    with StandIn(stubborn=-2) as server:
        result = annotate(read_records(raw), endpoint(server), tmp_path / "journal", image_root=tmp_path)
    assert len(server.requests) == 8 + 24
    by_image = {}
    for record in result.records:
        by_image.setdefault(record["image_paths"]["rgb"], set()).add(record["conditions"]["lighting"])
    assert all(len(labels) == 1 for labels in by_image.values())


@pytest.mark.parametrize(
    "box, framed, numbers", [("described", False, True), ("drawn", True, False), ("both", True, True)]
)
def test_box_is_described_or_drawn(raw, tmp_path, box, framed, numbers):
    with StandIn(stubborn=-2) as server:
        settings = AnnotationSettings(tasks=("expression",), box=box, thermal=True)
        annotate(read_records(raw)[:1], endpoint(server), tmp_path / "journal", settings)
    *parts, text = server.requests[0]["messages"][0]["content"]
    assert len(parts) == 2  # RGB and thermal
    for part in parts:
        prefix, data = part["image_url"]["url"].split(",", 1)
        assert prefix == "data:image/jpeg;base64"
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert image.size == (64, 48)
        # The box is [0, 0, 20, 40]; its frame runs along x = 20.
        pixel = image.getpixel((21, 20))
        assert (max(abs(a - b) for a, b in zip(pixel, FRAME_COLOUR, strict=True)) < 60) is framed
    assert ("(20, 40)" in text["text"]) is numbers
    assert ("magenta" in text["text"]) is framed
    assert "car" in text["text"] and "thermal" in text["text"]


def test_refused_answers_are_counted_and_asked_again_with_the_reason(raw, tmp_path, capsys):
    with StandIn(stubborn=3) as server:
        out = tmp_path / "out.jsonl"
        assert run_tool("data/annotate.py", raw, "--out", out, "--endpoint", server.url, "--model", "m") == 0
    accepted, rejected = read_records(out), read_records(tmp_path / "out.rejected.jsonl")
    assert len(accepted) + len(rejected) == 24 and accepted and rejected
    for record in rejected:
        assert record["expression"] == ""
        assert record["extra"]["annotation"]["expression"]["attempt"] == 3
        assert record["extra"]["annotation"]["expression"]["rejected"]
    conversations = [body["messages"] for body in server.requests if len(body["messages"]) == 3]
    assert conversations
    for _, answer, correction in conversations:
        assert answer["role"] == "assistant"
        assert "cannot be used: it " in correction["content"]
    report = capsys.readouterr().out
    assert f"{len(accepted)} records accepted, {len(rejected)} rejected, 0 without an answer" in report
    assert re.search(r"expression: \d+ answers refused because it says that the object is absent", report)


def test_faults_of_the_server_change_no_row(raw, tmp_path):
    for name, faults in (("calm", (None,)), ("stormy", FAULTS)):
        with StandIn(faults) as server:
            arguments = (raw, "--out", tmp_path / f"{name}.jsonl", "--endpoint", server.url, "--model", "m")
            assert run_tool("data/annotate.py", *arguments, "--retries", 40) == 0
        assert max(server.answered.values()) == 1

    def rows(name):
        found = without_time(tmp_path / f"{name}.jsonl")
        for row in found:
            for story in row["extra"]["annotation"].values():
                if isinstance(story, dict):
                    story.pop("host")
        return found

    assert rows("stormy") == rows("calm")


def test_time_out_is_asked_again(raw, tmp_path):
    with StandIn(("hang", None, None), stubborn=-2) as server:
        settings = AnnotationSettings(tasks=("expression",))
        result = annotate(read_records(raw)[:2], endpoint(server, timeout=0.3), tmp_path / "journal", settings)
    assert len(result.records) == 2
    assert len(server.requests) == 3


def test_rows_without_answer_are_asked_by_the_next_run(raw, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    arguments = ["--out", out, "--model", "m", "--retries", 1, "--concurrency", 1, "--limit", 6]
    with StandIn((None, None, None, 500, 500), stubborn=-2) as server:
        assert run_tool("data/annotate.py", raw, *arguments, "--endpoint", server.url) == 1
        assert "have no answer yet" in capsys.readouterr().err
        first = len(read_records(out))
        assert 0 < first < 6
        server.faults = (None,)
        assert run_tool("data/annotate.py", raw, *arguments, "--endpoint", server.url) == 0
    assert len(read_records(out)) == 6
    assert max(server.answered.values()) == 1


def test_dead_endpoint_ends_the_run_with_one_sentence(raw, tmp_path, capsys):
    with StandIn((500,)) as server:
        arguments = ("--out", tmp_path / "out.jsonl", "--endpoint", server.url, "--model", "m")
        assert run_tool("data/annotate.py", raw, *arguments, "--retries", 1) == 1
    assert re.search(r"error: 5 rows in a row got no answer.*status 500", capsys.readouterr().err)
    assert len(server.requests) < 24


@pytest.mark.parametrize("status", [401, 404])
def test_refusal_of_the_endpoint_ends_the_run_at_once(raw, tmp_path, capsys, status):
    with StandIn((status,)) as server:
        arguments = ("--out", tmp_path / "out.jsonl", "--endpoint", server.url, "--model", "m", "--concurrency", 1)
        assert run_tool("data/annotate.py", raw, *arguments) == 1
    assert f"answers {status}" in capsys.readouterr().err
    assert len(server.requests) == 1


def test_key_comes_from_the_environment_and_stays_there(raw, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    # The faulty server echoes the header into its error messages.
    with StandIn((None, 500, 400), stubborn=-2) as server:
        arguments = ("--out", tmp_path / "out.jsonl", "--endpoint", server.url, "--model", "m")
        run_tool("data/annotate.py", raw, *arguments, "--api-key-env", "MY_KEY", "--retries", 1, "--concurrency", 1)
    assert {headers["Authorization"] for headers in server.headers} == {"Bearer sk-very-secret"}
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"very-secret" not in written
    printed = capsys.readouterr()
    assert "[key]" in printed.err and "very-secret" not in printed.out + printed.err


def test_rate_limit_spaces_requests(raw, tmp_path):
    with StandIn(stubborn=-2) as server:
        start = time.monotonic()
        model = endpoint(server, requests_per_minute=600)
        annotate(read_records(raw)[:6], model, tmp_path / "journal", AnnotationSettings(("expression",)), concurrency=6)
    assert time.monotonic() - start >= 0.5  # five pauses of a tenth of a second


def test_dry_run_shows_the_prompt_and_asks_nothing(raw, capsys):
    assert run_tool("data/annotate.py", raw, "--dry-run") == 0
    text = capsys.readouterr().out
    assert 'category "car"' in text and "digit alone" in text and "64 x 48" in text


def test_unreadable_image_costs_its_rows_only(raw, tmp_path, capsys):
    (tmp_path / "rgb" / "001.png").write_bytes(b"no image")
    with StandIn(stubborn=-2) as server:
        arguments = ("--out", tmp_path / "out.jsonl", "--endpoint", server.url, "--model", "m")
        assert run_tool("data/annotate.py", raw, *arguments) == 1
    assert "001.png" in capsys.readouterr().err
    assert len(read_records(tmp_path / "out.jsonl")) == 21


def test_journal_of_another_model_is_refused(raw, tmp_path):
    with StandIn(stubborn=-2) as server:
        annotate(read_records(raw)[:1], endpoint(server), tmp_path / "journal")
        with pytest.raises(DataError, match=r"journal was begun with model 'tiny-vlm' \(now 'other'\)"):
            annotate(read_records(raw)[:1], EndpointModel(server.url, "other"), tmp_path / "journal")


def test_record_needs_one_box(raw, tmp_path):
    record = {**read_records(raw)[0], "boxes": []}
    with pytest.raises(DataError, match="raw/train/000000 has 0 boxes"):
        annotate([record], EndpointModel("http://localhost:1/v1", "m"), tmp_path / "journal")


@pytest.mark.parametrize(
    "url, message",
    [("localhost:8000", "address"), ("ftp://host/v1", "address"), ("http://me:word@host/v1", "password")],
)
def test_endpoint_must_be_an_address(url, message):
    with pytest.raises(ConfigError, match=message):
        EndpointModel(url, "m")


def test_row_that_the_server_refuses_is_not_repeated(raw, tmp_path):
    with StandIn((400,)) as server, pytest.raises(NoAnswer, match="status 400"):
        from rgbtvg.annotation import Turn

        endpoint(server).answer([Turn("user", "hello")])
    assert len(server.requests) == 1


def start_run(raw: Path, out: Path, url: str) -> subprocess.Popen:
    command = [sys.executable, ROOT / "tools/data/annotate.py", raw, "--out", out, "--endpoint", url, "--model", "m"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    options = ["--concurrency", "3", "--retries", "40"]
    return subprocess.Popen(
        [*map(str, command), *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_killed_run_goes_on_where_it_was(raw, tmp_path):
    """Killed at random points, twice, it ends with the rows of an undisturbed run."""
    journal = tmp_path / "out.journal.jsonl"
    chance = random.Random(time.time_ns())
    # Few faults: the client of another process waits for half a second after each.
    with StandIn((*(None,) * 9, 503), delay=0.03) as server:
        undisturbed = ("--out", tmp_path / "undisturbed.jsonl", "--endpoint", server.url, "--model", "m")
        assert run_tool("data/annotate.py", raw, *undisturbed, "--concurrency", 3, "--retries", 40) == 0
        asked_once = Counter(server.answered)
        server.answered.clear()

        under_way_at_kills = 0
        for _ in range(2):
            run = start_run(raw, tmp_path / "out.jsonl", server.url)
            answers = len(server.requests)
            while len(server.requests) == answers and run.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.4))
            os.kill(run.pid, signal.SIGKILL)
            killed = run.wait() == -signal.SIGKILL
            time.sleep(0.2)  # the server ends what was under way
            under_way_at_kills += 3 * killed
        last = start_run(raw, tmp_path / "out.jsonl", server.url)
        assert last.wait(300) == 0, last.stderr.read()

    for name in ("out", "out.rejected"):
        assert without_time(tmp_path / f"{name}.jsonl") == without_time(
            tmp_path / f"{name.replace('out', 'undisturbed')}.jsonl"
        )
    assert server.answered.keys() == asked_once.keys()
    # Only what was on its way at a kill, unknown to the journal, may have been asked for again.
    assert sum(server.answered.values()) <= sum(asked_once.values()) + under_way_at_kills
    keys = [json.loads(line).get("key") for line in journal.read_text().splitlines()[1:]]
    attempts = [json.loads(line)["attempt"] for line in journal.read_text().splitlines()[1:]]
    # An answered question that was asked again would stand in the journal twice.
    assert len(set(zip(keys, attempts, strict=True))) == len(keys) == sum(asked_once.values())
