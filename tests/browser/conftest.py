"""The report in a real browser: ``pip install -e ".[browser]"`` and Debian's packages ``chromium``
and ``chromium-driver``, then ``python -m pytest tests/browser``."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # the network is off
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The plain suite leaves these out; they run when they are asked for by their path."""
    del collection_path
    return True if config.args_source is pytest.Config.ArgsSource.TESTPATHS else None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where everything was skipped, nothing was tested: that is no success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and exitstatus == 0 and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class Page:
    """A page in a browser, with what a test asks of it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def load(self, file: Path, *, width: int = 1280, dark: bool = False) -> None:
        """Open a file, at a width and in a colour scheme, and wait for nothing: it draws itself."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(file.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def one(self, selector: str) -> Any:
        """The first element of a selector."""
        from selenium.webdriver.common.by import By

        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[Any]:
        """All elements of a selector."""
        from selenium.webdriver.common.by import By

        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def text(self, selector: str) -> str:
        """The text of an element, shown or not."""
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def choose(self, selector: str, value: str) -> None:
        """Set a field, as a reader does."""
        self.run(
            "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event('input', { bubbles: true }))",
            selector,
            value,
        )

    def keys(self, *keys: str) -> None:
        """Type keys to what has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def complaints(self) -> list[Any]:
        """What the console has said since the last time."""
        return list(self.driver.get_log("browser"))

    def screenshot(self, file: Path) -> None:
        """Save a picture of the whole page, as it is now."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        given = {"captureBeyondViewport": True, "clip": clip}
        answer = self.driver.execute_cdp_cmd("Page.captureScreenshot", given)
        file.write_bytes(base64.b64decode(answer["data"]))


@pytest.fixture(scope="session")
def _driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with a profile of its own and without a network."""
    if _CHROMIUM is None or _DRIVER is None:
        pytest.skip("needs chromium and chromedriver: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason='pip install -e ".[browser]"')
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = _CHROMIUM
    for one in (*_OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(one)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(_driver: Any) -> Page:
    """A browser whose console has nothing to say yet."""
    _driver.get("about:blank")
    for log in ("browser", "performance"):
        _driver.get_log(log)
    return Page(_driver)


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write the report of an input or an output: ``make("a.html", path, options)``."""
    from augtool.report import write

    folder = tmp_path_factory.mktemp("reports")

    def report(name: str, path: Path | str, options: Any = None) -> Path:
        file = folder / name
        if not file.exists():
            write(str(path), file, options)
        return file

    return report
