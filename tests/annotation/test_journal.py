"""A journal after every kind of end."""

from __future__ import annotations

import json

import pytest

from rgbtvg.annotation import Journal
from rgbtvg.errors import DataError

SETTINGS = {"model": "m", "words": 40}


def entries(path):
    with Journal(path, SETTINGS) as journal:
        return journal.entries


def test_entries_are_there_when_it_is_opened_again(tmp_path):
    with Journal(tmp_path / "new" / "journal", SETTINGS) as journal:
        journal.append({"key": "a", "answer": "été\n\u2028"})
        journal.append({"key": "b"})
    assert entries(tmp_path / "new" / "journal") == [{"key": "a", "answer": "été\n\u2028"}, {"key": "b"}]


def test_any_torn_end_is_cut_off_and_written_anew(tmp_path):
    path = tmp_path / "journal"
    with Journal(path, SETTINGS) as journal:
        journal.append({"key": "a"})
        journal.append({"key": "é"})
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        with Journal(path, SETTINGS) as journal:
            complete = max(whole[:length].count(b"\n") - 1, 0)
            assert journal.entries == [{"key": "a"}, {"key": "é"}][:complete]
            journal.append({"key": "c"})
        assert [json.loads(line) for line in path.read_text().splitlines()][-1] == {"key": "c"}


def test_damage_before_the_end_is_named(tmp_path):
    path = tmp_path / "journal"
    entries(path)
    with open(path, "ab") as file:
        file.write(b'{"key": \n{"key": "b"}\n')
    with pytest.raises(DataError, match=r"line 2 of .*journal is damaged"):
        entries(path)
    path.write_bytes(path.read_bytes().replace(b'{"key": \n', b"[" * 10**5 + b"\n"))
    with pytest.raises(DataError, match=r"line 2 of .*journal is damaged"):
        entries(path)


def test_any_text_is_kept(tmp_path):
    texts = [{"answer": text} for text in ("\ud800 lone", "\0", "\x1b[31m", "\u202e", "x" * 2**20, "\\ud800")]
    with Journal(tmp_path / "journal", SETTINGS) as journal:
        for entry in texts:
            journal.append(entry)
    assert entries(tmp_path / "journal") == texts


def test_second_process_is_kept_out(tmp_path):
    with Journal(tmp_path / "journal", SETTINGS):
        with pytest.raises(DataError, match="in use by another process"):
            entries(tmp_path / "journal")
    assert entries(tmp_path / "journal") == []


def test_other_settings_are_named(tmp_path):
    entries(tmp_path / "journal")
    with pytest.raises(DataError, match=r"was begun with words 40 \(now 50\); go on with that"):
        Journal(tmp_path / "journal", {**SETTINGS, "words": 50})
