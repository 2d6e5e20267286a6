"""Every command of the README and the docs is executed in a project folder with a small set and a trained model.

A command that needs real data or released weights ends with one sentence that names what it lacks. Those of
:data:`LEFT_OUT` are not executed, each for its reason. Sweeps are only listed (``--dry-run``), trainings are of one
epoch.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil

import pytest

from tests.docs.test_commands import PAGES, ROOT, commands
from tests.run_tool import run_tool

pytestmark = pytest.mark.slow
LEFT_OUT = {
    r"^(make|source|pip|bash|sbatch)": "installs, is a target of the Makefile, or needs GPUs and a scheduler",
    r"web_demo.py|data/review.py|data/browse.py (?!.*--sheet)": "serves pages until it is stopped",
    r"analysis/benchmark.py": "measures full-size models for minutes",
    r"tests.evaluation.coverage": "simulates for minutes",
    r"-m pytest": "tests a method that the reader adds",
    r"dev/miniatures.py": "pre-trains encoders for minutes",
    r"dev/(experiments|model_index).py": "writes a page of this repository; a test compares it",
    r"make_synthetic.py": "has made the set of this test",
    r"\.\.\.|…": "is a pattern of a command",
}
LACKING = re.compile(r"[Nn]o such|missing|cannot|not found|(is|are|has) no|needs|does not exist|put ")
SMALL = ["max_epochs=1", "batch_size=8", "num_workers=0", "persistent_workers=False"]
COMMANDS = {
    re.sub(r"(sweep\.py .*) --dry-run", r"\1", command): page
    for page in reversed(PAGES)
    if page.stem != "own_data"  # a test of its own runs it in order
    for command in commands(page)
    if not any(re.search(pattern, command) for pattern in LEFT_OUT)
}
CASES = [pytest.param(command, id=f"{page.stem}:{command[:70]}") for command, page in COMMANDS.items()]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A checkout as it is after ``make demo``, with the files that the pages call by example names."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "tools").symlink_to(ROOT / "tools")
    (folder / "pretrain_weights").symlink_to(ROOT / "pretrain_weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        sizes = ("--train", 32, "--val", 8, "--test", 16, "--workers", 1)
        assert run_tool("data/make_synthetic.py", "--out", "data/synthetic", *sizes) == 0
        assert run_tool("train.py", "configs/quickstart/quickstart.py", "--cfg-options", *SMALL) == 0
        best = "work_dirs/quickstart/best.pth"
        assert run_tool("test.py", "--load-from", best, "--work-dir", "work_dirs/quickstart/test") == 0
        for name in ("rgbt", "rgb", *(f"qs/{modality}_{seed}" for modality in ("rgbt", "ir", "rgb") for seed in "012")):
            shutil.copytree("work_dirs/quickstart", f"work_dirs/{name}")
        shutil.copy(best, "best.pth")
        write_example_files(folder)
    return folder


def write_example_files(folder) -> None:
    """``predicted.csv``, ``rgb.png`` and ``thermal.png``."""
    rows = json.loads((folder / "work_dirs/quickstart/test/predictions.json").read_text())["rows"].values()
    lines = ["sample_id,x0,y0,x1,y1", *(f"{row['sample_id']},1,2,30,40" for row in rows)]
    (folder / "predicted.csv").write_text("\n".join(lines) + "\n")
    images = folder / "data/synthetic/rgbtvg/rgbtvg-images/all"
    for name, stream in (("rgb.png", "rgb"), ("thermal.png", "ir")):
        shutil.copy(next((images / stream).glob("*.jpg")), folder / name)


def shortened(tool: str, words: list[str]) -> list[str]:
    """The arguments, with options that make the command short."""
    if tool.endswith("sweep.py"):
        return [*words, "--dry-run"]
    if tool.endswith("train.py"):
        place = words.index("--cfg-options") if "--cfg-options" in words else len(words)
        overwrite = [] if "--resume" in words else ["--overwrite"]
        return [*words[:place], *overwrite, "--cfg-options", *words[place + 1 :], *SMALL]
    return words


@pytest.mark.parametrize("command", CASES)
def test_command_does_its_work_or_names_what_it_lacks(command, project, capfd, monkeypatch):
    monkeypatch.chdir(project)
    words = [word for word in shlex.split(command) if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    tool = f"{words[1]}.py" if words[0] == "rgbtvg" else words[1].removeprefix("tools/")
    status = run_tool(tool, *shortened(tool, words[2:]))
    output = capfd.readouterr()
    assert "Traceback" not in output.err
    if status == 3:  # findings
        assert tool.endswith("check.py")
    elif status:
        (error,) = [line for line in output.err.splitlines() if line.startswith("error: ")]
        assert status == 1 and LACKING.search(error), error
