"""A real browser: chromium without a window, by way of its driver."""

import contextlib
import shutil

import pytest


@contextlib.contextmanager
def open_browser(folder):
    """Opens one whose profile lies in a folder; skips the test where there is none.

    Its logs "browser", what pages say on the console, and "performance", every request, are kept.
    """
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed (pip install t5lite[browser])"
    )
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium or chromedriver is not installed (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",  # root, as in containers, cannot have one
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1200,800",
        f"--user-data-dir={folder}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    with webdriver.Chrome(options=options, service=service) as browser:
        yield browser
