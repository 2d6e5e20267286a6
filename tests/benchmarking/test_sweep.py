import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from rgbtvg.benchmarking.sweep import SweepError, check_floors, run_all
from rgbtvg.benchmarking.sweep_report import markdown, sweep_lines, true_rows
from rgbtvg.benchmarking.sweep_table import SweepTable
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.evaluation import load_predictions
from tests.engine.synthetic import make_small, options_of
from tests.engine.tiny import tiny_config
from tests.run_tool import run_tool

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "configs/quickstart/quickstart.py"
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
    assert "was started with other settings (lr: 0.001 -> 0.1)" in capsys.readouterr().err


@pytest.mark.slow
def test_further_tests_are_columns(table, tmp_path, capsys):
    table.write_text(table.read_text() + "seeds = [0]\ntests = {'noisy': {'test_dataloader.dataset.noise': 9.0}}\n")
    assert run_tool("analysis/sweep.py", table, "--out", tmp_path / "out") == 0, capsys.readouterr()
    low, _ = json.loads((tmp_path / "out" / "table.json").read_text())
    record = json.loads((tmp_path / "out" / "low_rgbt_0" / "run.json").read_text())
    assert low["scores"]["noisy"] == record["tests"]["noisy"]
    folder = tmp_path / "out" / "low_rgbt_0"
    plain, noisy = (load_predictions(folder / name) for name in ("test", "test_noisy"))
    assert plain.keys() == noisy.keys() and plain != noisy
    assert " noisy |" in (tmp_path / "out" / "table.md").read_text()
    table.write_text(table.read_text().replace(".noise'", ".noises'"))
    assert run_tool("analysis/sweep.py", table, "--out", tmp_path / "out2") == 1
    assert "noises" in capsys.readouterr().err


def test_settings_of_an_interrupted_run_cannot_change(table, tmp_path, capsys):
    """A run that has not finished keeps the settings it was started with: it would resume with the old optimizer."""
    run = SweepTable.read(table).runs(tmp_path / "out", {})[0]
    run.write_record()
    assert run.record() is None
    (run.work_dir / "epoch_1.pth").touch()
    assert run_tool("analysis/sweep.py", table, "--out", tmp_path / "out", "--cfg-options", "weight_decay=0.9") == 1
    error = capsys.readouterr().err
    assert f"{run.work_dir} was started with other settings (weight_decay: unset -> 0.9)" in error
    (run.work_dir / "run.json").unlink()
    with pytest.raises(ConfigError, match="has checkpoints but no run"):
        run.record()


@pytest.mark.slow
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
        ("rows = dict(a=dict(config='a.py'))\ncompared = 'val'", "compares rows on 'val', but tests test"),
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


def test_rows_are_compared_on_the_split_that_the_table_names(monkeypatch, tmp_path):
    """The row that is right on `other` alone is better there and worse on `test`."""
    rows = {"a": dict(config="a.py"), "b": dict(config="b.py", against="a")}
    right = {"a": "test", "b": "other"}

    def answers(run):
        return {
            f"{split}/{index}": {
                "sample_id": f"{split}/{index}",
                "dataset": "set",
                "split": split,
                "subsets": [],
                "conditions": {},
                "expression": "a red car",
                "image_paths": {"rgb": f"{split}{index}.jpg"},
                "size": [10, 10],
                "gt_boxes_xyxy": [[0.0, 0.0, 5.0, 5.0]],
                "iou": float(split == right[run.row]),
            }
            for split in ("test", "other")
            for index in range(40)
        }

    record = {"parameters": 1, "steps": 1, "seconds": 1.0, "cpu_seconds": 1.0, "resumed": False}
    monkeypatch.setattr("rgbtvg.benchmarking.sweep_report.predicted_rows", answers)
    monkeypatch.setattr("rgbtvg.benchmarking.sweep_table.SweepRun.record", lambda run: record)
    for compared, difference in (("test", -100), ("other", 100)):
        table = SweepTable(rows, splits=["test", "other"], compared=compared)
        lines = sweep_lines(table, table.runs(tmp_path, {}))
        assert [line.accuracy for line in lines] == [1, 0]
        assert [line.seeds for line in lines] == [[compared == "test"], [compared == "other"]]
        assert 100 * lines[1].difference["value"] == difference
        assert ("difference on other" in markdown(lines, compared)) is (compared == "other")


BENCHMARK = """
rows = dict(
    one=dict(config=dict(rgb='{config}', rgbt='{config}')),
    two=dict(config='{config}', options={{'lr': 0.001}}, modalities=['rgbt'], against='one'),
)
modalities = ['rgb', 'rgbt']
datasets = ['rgbtvg_synthetic']
splits = ['val', 'test']
baseline_modality = 'rgb'
records = '{records}'
options = {options}
"""


@pytest.mark.slow
def test_a_benchmark_of_two_methods(tmp_path, capsys):
    """Every method, modality and dataset: an estimate first, then a table with the paper's columns."""
    options = options_of(make_small(tmp_path / "data", train=16, val=4, test=8), max_epochs=1, loggers=[])
    path = tmp_path / "benchmark.py"
    path.write_text(BENCHMARK.format(config=QUICKSTART, records=tmp_path / "records", options=options))

    arguments = ("analysis/sweep.py", path, "--out", tmp_path / "out")
    assert run_tool(*arguments, "--dry-run") == 0, capsys.readouterr()
    printed = capsys.readouterr().out
    assert "one rgbt rgbtvg_synthetic seed 0" in printed and "3 runs, about 0.0 hours of one" in printed
    assert "GFLOPs per pair" in printed
    assert not (tmp_path / "out").exists()

    assert run_tool(*arguments, "--jobs", 2) == 0, capsys.readouterr()
    lines = (tmp_path / "out" / "table.md").read_text().splitlines()
    assert lines[0] == "Acc@0.5 / Acc@0.7 in %"
    names = [cell.strip() for cell in lines[2].strip("| ").split("|")]
    assert names[:4] == ["method", "modality", "synthetic val", "synthetic test"]
    assert [tuple(cell.strip() for cell in line.split("|")[1:3]) for line in lines[4:7]] == [
        ("one", "rgb"),
        ("one", "rgbt"),
        ("two", "rgbt"),
    ]
    record = json.loads((tmp_path / "out" / "two_rgbt_rgbtvg_synthetic_0" / "run.json").read_text())
    assert record["settings"]["options"]["lr"] == 0.001
    line = next(line for line in json.loads((tmp_path / "out/table.json").read_text()) if line["row"] == "two")
    assert line["accuracy"] == record["accuracy"] >= line["accuracy_70"]
    assert f"{100 * line['accuracy']:.2f} / {100 * line['accuracy_70']:.2f}" in lines[6]
    # What is under version control is finished anywhere, and says the same.
    shutil.rmtree(tmp_path / "out")
    assert run_tool(*arguments) == 0, capsys.readouterr()
    assert "3 runs, 3 of them finished before" in capsys.readouterr().out
    assert (tmp_path / "out" / "table.md").read_text().splitlines() == lines
    assert run_tool(*arguments, "--dry-run", "--cfg-options", "lr=0.1") == 0
    assert "3 runs, 0 of them finished before" in capsys.readouterr().out


def test_every_method_is_in_the_benchmark():
    table = SweepTable.read(ROOT / "configs/comparisons/rgbt_ground.py")
    tiny = SweepTable.read(ROOT / "configs/comparisons/methods.py")
    assert set(table.rows) == set(tiny.rows)
    runs = table.runs(Path("out"), {})
    assert len(runs) == 3 * 3 * len(table.rows)
    assert len({run.work_dir for run in runs}) == len(runs)
    assert all((ROOT / run.config).is_file() for run in runs)


def test_a_row_below_its_floor_is_named():
    lines = [SimpleNamespace(row="one", accuracy=0.61), SimpleNamespace(row="two", accuracy=0.4)]
    check_floors(lines, {"one": 0.6})
    with pytest.raises(SweepError, match=r"1 of 2 rows are below .*: two 40\.0 of 50\.0"):
        check_floors(lines, {"one": 0.6, "two": 0.5})


def test_the_check_of_learning_has_every_method():
    learn, methods = (SweepTable.read(ROOT / f"configs/comparisons/{name}.py") for name in ("learn", "methods"))
    assert set(learn.rows) == set(methods.rows) >= set(learn.floors)
    assert {run.modality for run in learn.runs(Path("out"), {})} == {"rgbt"}


def test_gpus_are_given_to_runs(monkeypatch, tmp_path):
    """Each run sees one GPU, and no two runs at a time share one."""
    seen = []

    class Process:
        exitcode = 1

        def __init__(self, target, args):
            seen.append(args[1])

        start = join = terminate = lambda self: None

    monkeypatch.setattr("multiprocessing.context.ForkServerContext.Process", Process)
    rows = {name: dict(config="a.py") for name in "abcd"}
    failed = run_all(SweepTable(rows).runs(tmp_path, {}), 2, print, ["3", "5"])
    assert len(failed) == 4
    assert set(seen) == {"3", "5"}


def test_records_of_another_set_are_a_sentence(monkeypatch):
    run = next(iter(SweepTable.read(ROOT / "configs/comparisons/methods.py").runs(Path("out"), {})))
    monkeypatch.setattr("mmengine.registry.Registry.build", lambda *_: [])
    with pytest.raises(DataError, match="has 2 overlaps for the split test, and the data set has 0 rows"):
        list(true_rows(run, {"test": [0.1, 0.9]}))
