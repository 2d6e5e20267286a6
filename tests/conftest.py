"""Settings of every test."""

import gc
import os
import shutil

# Workers of a parallel run share the cores; many threads for tiny tensors only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from mmengine.logging import MMLogger

torch.set_num_threads(1)


def pytest_collection_finish():
    """Keep the objects of everything imported out of garbage collections: MMEngine asks for one per data set."""
    gc.freeze()


def pytest_unconfigure():
    """Libraries look for objects that nobody has freed."""
    gc.unfreeze()


WINDOW = {"width": 1200, "height": 800}


@pytest.fixture
def browser():
    """A page of Chromium without a window; tests are skipped where it is not installed.

    ``browser.problems`` are messages of its console and requests to other servers.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="pages are tried where playwright is installed")
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("pages are tried where chromium is installed")
    with playwright.sync_playwright() as driver:
        program = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = program.new_page(viewport=WINDOW)
        page.set_default_timeout(30_000)
        page.problems = []
        page.on("console", lambda message: message.type == "error" and page.problems.append(message.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda request: page.problems.extend(foreign(request.url)))
        yield page
        program.close()


def foreign(url: str) -> list[str]:
    return [] if url.startswith(("http://127.0.0.1:", "data:", "blob:")) else [url]


@pytest.fixture(autouse=True)
def one_thread():
    """A test that leaves PyTorch with more threads makes every later one several times as slow."""
    yield
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert threads == 1, f"the test left PyTorch with {threads} threads"


@pytest.fixture(autouse=True)
def fresh_loggers():
    """MMEngine keeps the loggers of earlier runs, which print to the captured stream of another test."""
    MMLogger._instance_dict.clear()
