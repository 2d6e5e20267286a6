import json

import pytest

from rgbtvg.benchmarking.sweep import SweepTable, markdown, sweep_lines
from rgbtvg.errors import ConfigError
from tests.engine.tiny import tiny_config
from tests.run_tool import run_tool

TABLE = """
rows = dict(
    low=dict(config='{config}', options=dict(lr=0.001)),
    high=dict(config='{config}', options=dict(lr=0.05, max_epochs=2), against='low'),
)
seeds = [0, 1]
options = {{'noise': 0.0}}
before = [dict(makes='{made}', command='-c "open(\\'{made}\\', \\'w\\')"')]
"""


@pytest.fixture
def table(tmp_path):
    tiny_config(tmp_path / "tiny")
    config = tmp_path / "tiny_config.py"
    config.write_text(config.read_text() + "modality = 'rgbt'\n")
    path = tmp_path / "table.py"
    path.write_text(TABLE.format(config=config, made=tmp_path / "weights.pth"))
    return path


def test_a_table_is_run_written_and_gone_on_with(table, tmp_path, capsys):
    assert run_tool("analysis/sweep.py", table, "--out", tmp_path / "out", "--jobs", 2) == 0, capsys.readouterr()
    printed = capsys.readouterr().out
    assert (tmp_path / "weights.pth").exists()
    assert "4 runs, 0 of them finished before" in printed
    assert "high rgbt seed 1:" in printed
    low, high = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (low["row"], low["steps"], low["difference"]) == ("low", 15, None)
    assert (high["row"], high["steps"], high["baseline"], len(high["seeds"])) == ("high", 10, "low rgbt", 2)
    assert {"value", "low", "high"} <= set(high["difference"])
    assert (tmp_path / "out" / "table.md").read_text().strip() in printed

    table.write_text(table.read_text() + "modalities = ['rgbt']\n")
    assert run_tool("analysis/sweep.py", table, "--out", tmp_path / "out", "--jobs", 0) == 0
    assert "4 runs, 4 of them finished before" in capsys.readouterr().out

    assert run_tool("analysis/sweep.py", table, "--out", tmp_path / "out", "--cfg-options", "lr=0.1") == 1
    assert "finished run with other settings" in capsys.readouterr().err


def test_a_failed_run_is_named_and_the_others_are_finished(table, tmp_path, capsys):
    table.write_text(table.read_text().replace("lr=0.05, max_epochs=2", "dropout=2, max_epochs=2"))
    assert run_tool("analysis/sweep.py", table, "--out", tmp_path / "out") == 1
    output = capsys.readouterr()
    assert "2 of 4 runs failed; the last lines of" in output.err
    assert "high_rgbt_0" in output.err
    assert [line["row"] for line in json.loads((tmp_path / "out" / "table.json").read_text())] == ["low"]
    assert "| low" in output.out


def test_a_command_that_makes_nothing_stops_the_sweep(table, tmp_path, capsys):
    table.write_text(table.read_text().replace('-c "open', '-c "print'))
    assert run_tool("analysis/sweep.py", table, "--out", tmp_path / "out") == 1
    assert "made no" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows = dict()", "has no rows"),
        ("rows = dict(a=dict(config='a.py'))\nseed = 1", r"unknown \['seed'\]"),
        ("rows = dict(a=dict(options={}))", "row 'a' of .* needs a config"),
        ("rows = dict(a=dict(config='a.py', against='b'))", "row 'a' of"),
    ],
)
def test_tables_are_checked(text, message, tmp_path):
    path = tmp_path / "table.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        SweepTable.read(path)


def test_rows_are_compared_with_another_row_or_another_modality():
    rows = {"a": dict(config="a.py"), "b": dict(config="b.py", against="a")}
    table = SweepTable(rows, ["rgb", "rgbt"], baseline_modality="rgb")
    assert table.baseline("a", "rgbt") == ("a", "rgb")
    assert table.baseline("a", "rgb") is None
    assert table.baseline("b", "rgbt") == ("a", "rgbt")
    assert markdown(sweep_lines(table, [])).startswith("| row")
