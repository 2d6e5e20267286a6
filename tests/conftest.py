"""Settings of every test."""

import os
import shutil

# Workers of a parallel run share the cores; many threads for tiny tensors only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from mmengine.logging import MMLogger

torch.set_num_threads(1)


@pytest.fixture
def browser():
    """Chromium without a window; tests are skipped where it is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="the page is tried where selenium is installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("the page is tried where chromium and chromedriver are installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,800"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture(autouse=True)
def fresh_loggers():
    """MMEngine keeps the loggers of earlier runs, which print to the captured stream of another test."""
    MMLogger._instance_dict.clear()
