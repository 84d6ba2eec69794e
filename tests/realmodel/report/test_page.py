"""The page in headless Chromium, opened from the file system."""

import json
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from realmodel import report
from realmodel.card import LayerCard
from realmodel.placement import frontier
from realmodel.placement.export import lora_config_arguments
from realmodel.report.columns import PROFILES

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
browser = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def card(make_card: Callable[..., LayerCard]) -> LayerCard:
    return make_card(layers=8)


@pytest.fixture(scope="module")
def html(card: LayerCard) -> str:
    return report.html(card.with_measured({"layers": [1, 5], "gain": 0.25}))


class References(HTMLParser):
    """Everything that a page would fetch, and every id."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.wanted: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "action") and value and not value.startswith(("#", "data:")):
                self.fetched.append(value)
            if name == "id" and value:
                self.ids.append(value)
            if name in ("for", "aria-labelledby", "aria-describedby") and value:
                self.wanted += value.split()


def test_the_page_fetches_nothing_and_every_label_has_its_element(html: str) -> None:
    page = References()
    page.feed(html)
    assert page.fetched == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.wanted) <= set(page.ids)
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert "Measured by fine-tuning" in html


def test_text_of_the_card_cannot_break_out_of_the_page(card: LayerCard) -> None:
    from dataclasses import replace

    evil = "</script><script>alert(1)</script>"
    text = report.html(replace(card, model=dict(card.model) | {"source": evil}))
    assert evil not in text


@pytest.fixture(scope="module")
def driver(html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "card.html").write_text(html, encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.set_window_size(1200, 900)
    driver.get((folder / "card.html").as_uri())
    yield driver
    driver.quit()


def at(driver: webdriver.Chrome, name: str) -> WebElement:
    return driver.find_element(By.ID, name)


def chosen(driver: webdriver.Chrome) -> list[int]:
    cells = at(driver, "strip").find_elements(By.CLASS_NAME, "on")
    return [int(cell.text) for cell in cells]


class TestInChromium:
    pytestmark = browser

    def test_it_loads_without_an_error(self, driver: webdriver.Chrome) -> None:
        assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]
        assert len(driver.find_elements(By.CSS_SELECTOR, "#profiles figure")) == len(PROFILES)
        assert len(driver.find_elements(By.CSS_SELECTOR, "#heat tbody td")) == 64

    def test_the_slider_moves_along_the_front_by_keyboard(
        self, driver: webdriver.Chrome, card: LayerCard
    ) -> None:
        front = frontier(card, "time")
        slider = at(driver, "budget")
        slider.send_keys(Keys.HOME)
        for point in front[:4]:
            assert chosen(driver) == list(point.layers)
            assert float(at(driver, "gain").text) == pytest.approx(point.gain, rel=5e-3)
            spoken = slider.get_attribute("aria-valuetext") or ""
            assert "Adapt layer" in spoken
            assert "Predicted gain" in spoken
            slider.send_keys(Keys.RIGHT)
        slider.send_keys(Keys.END)
        assert chosen(driver) == list(front[-1].layers)

    def test_the_configuration_is_the_export(
        self, driver: webdriver.Chrome, card: LayerCard
    ) -> None:
        at(driver, "budget").send_keys(Keys.HOME, Keys.RIGHT, Keys.RIGHT, Keys.RIGHT)
        expected = lora_config_arguments(chosen(driver), card.modules, 8, 16.0)
        assert json.loads(at(driver, "config").text) == expected
        at(driver, "copy").send_keys(Keys.ENTER)
        status = at(driver, "copied")
        driver.implicitly_wait(2)
        assert driver.find_element(By.XPATH, "//*[@id='copied' and text()!='']")
        assert status.text in ("Copied.", "Select the text and copy it by hand.")

    def test_another_budget_shows_another_front(
        self, driver: webdriver.Chrome, card: LayerCard
    ) -> None:
        driver.find_element(By.CSS_SELECTOR, "input[value=serving]").send_keys(Keys.SPACE)
        at(driver, "budget").send_keys(Keys.HOME)
        assert chosen(driver) == list(frontier(card, "serving")[0].layers)
        marks = driver.find_elements(By.CSS_SELECTOR, "#front circle")
        assert len(marks) == len(frontier(card, "serving"))
        driver.find_element(By.CSS_SELECTOR, "input[value=time]").send_keys(Keys.SPACE)

    def test_the_heat_map_is_read_by_arrow_keys(
        self, driver: webdriver.Chrome, card: LayerCard
    ) -> None:
        cell = driver.find_element(By.CSS_SELECTOR, "#heat tbody td")
        cell.send_keys(Keys.ARROW_RIGHT)
        assert "ayers 0 and 1: strength" in at(driver, "readout").text
        focused = driver.switch_to.active_element
        spoken = focused.get_attribute("aria-label") or ""
        assert f"strength {card.coupling.norms[0, 1]:.3g}," in spoken

    def test_everything_that_can_be_used_has_a_name(self, driver: webdriver.Chrome) -> None:
        controls = driver.find_elements(
            By.CSS_SELECTOR, "button, input, [role=region], svg[role=img], summary"
        )
        assert len(controls) > 15
        unnamed = [
            control.get_attribute("outerHTML")
            for control in controls
            if not (control.accessible_name or control.get_attribute("aria-label"))
        ]
        assert unnamed == []

    def test_it_fits_a_phone(self, driver: webdriver.Chrome) -> None:
        driver.set_window_size(500, 900)
        width = driver.execute_script(  # type: ignore[no-untyped-call]
            "return [document.documentElement.scrollWidth, window.innerWidth]"
        )
        driver.set_window_size(1200, 900)
        assert width[0] <= width[1]


def test_a_large_card_has_a_page(make_card: Callable[..., LayerCard]) -> None:
    text = report.html(make_card(layers=20, groups=2))
    assert text.count('<tr data-layer="') == 40
