"""The page in headless Chromium, opened from the file system."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from transformers import TrainingArguments

from realmodel import report
from realmodel.card import LayerCard
from realmodel.card.pilot import Pilot, PilotRun
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.placement import frontier
from realmodel.placement.export import lora_config_arguments
from realmodel.report.columns import PROFILES
from realmodel.report.page.against import against
from realmodel.report.page.glossary import GLOSSARY
from realmodel.report.verdict import recommended
from realmodel.runs.numbers import amount

CONTRAST = r"""
const linear = (c) => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
const parts = (text) => text.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const behind = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const colour = parts(getComputedStyle(at).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode.parentElement, style = getComputedStyle(node);
  const hidden = !node.checkVisibility() || node.closest("script, style, .skip, title");
  if (hidden || walk.currentNode.data.trim() === "" || style.fontSize === "0px") continue;
  const ink = node.namespaceURI.includes("svg") ? style.fill : style.color;
  const pair = [luminance(parts(ink)), luminance(behind(node))].sort((a, b) => a - b);
  found.push([(pair[1] + 0.05) / (pair[0] + 0.05), walk.currentNode.data.trim(), node.className]);
}
found.sort((a, b) => a[0] - b[0]);
return [found.length, ...found[0]];
"""
SMALLEST = r"""
const sizes = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode.parentElement;
  if (!node.checkVisibility() || node.closest("script, style, title, .skip")) continue;
  if (walk.currentNode.data.trim() === "") continue;
  const size = parseFloat(getComputedStyle(node).fontSize), svg = node.closest("svg");
  const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
  if (size > 0) sizes.push([size * scale, walk.currentNode.data.trim()]);
}
return sizes.sort((a, b) => a[0] - b[0])[0];
"""
CLIPPED = r"""
return [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility() &&
  !node.closest(".skip") && getComputedStyle(node).overflowX !== "visible" &&
  (node.scrollWidth > node.clientWidth + 1 || node.scrollHeight > node.clientHeight + 1))
  .map((node) => node.tagName + "#" + node.id);
"""
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
    runs = (
        {"layers": [1, 5], "gain": 0.25},
        {"layers": list(card.certificate.layers), "gain": 0.4, "gain_error": 0.02},
        {"layers": [0, 1, 2, 3], "gain": 0.3, "not_comparable": "steps 24, not 100"},
    )
    return report.html(card.with_measured(*runs))


class References(HTMLParser):
    """Everything that a page would fetch, and every id."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.wanted: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            followed = tag == "a" and str(value).startswith(("#", "https://"))
            inside = str(value).startswith(("#", "data:"))
            if name in ("src", "href", "action") and value and not (followed or inside):
                self.fetched.append(value)
            if name == "href" and value and value.startswith("#"):
                self.wanted.append(value[1:])
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
    assert all(cell.get_attribute("aria-pressed") == "true" for cell in cells)
    return [int(cell.text) for cell in cells]


def copied(driver: webdriver.Chrome, name: str) -> str:
    """What a button of the verdict copies."""
    driver.find_element(By.CSS_SELECTOR, f"[data-copy={name}]").send_keys(Keys.ENTER)
    driver.implicitly_wait(2)
    assert driver.find_element(By.XPATH, "//*[@id='verdict-copied' and text()!='']")
    return at(driver, name).text


@contextmanager
def emulated(driver: webdriver.Chrome, **media: Any) -> Iterator[None]:
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)  # type: ignore[no-untyped-call]
    yield
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {})  # type: ignore[no-untyped-call]


DARK = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}


@contextmanager
def screen(driver: webdriver.Chrome, width: int) -> Iterator[None]:
    """Narrower than a window of Chromium may be."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    command = "Emulation.setDeviceMetricsOverride"
    driver.execute_cdp_cmd(command, size)  # type: ignore[no-untyped-call]
    yield
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})  # type: ignore[no-untyped-call]


class TestInChromium:
    pytestmark = browser

    def test_it_loads_without_an_error(self, driver: webdriver.Chrome) -> None:
        assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]
        assert len(driver.find_elements(By.CSS_SELECTOR, "#profiles figure")) == len(PROFILES)
        assert len(driver.find_elements(By.CSS_SELECTOR, "#heat tbody td")) == 64

    def test_a_card_that_refuses_recommends_nothing(
        self, driver: webdriver.Chrome, card: LayerCard, tmp_path: Path
    ) -> None:
        lost = PilotRun(card.indices, 1.0, -1.0, 0.01), PilotRun((1, 5), 0.5, -0.5, 0.01)
        run = FinetuneOptions()
        refused = replace(card, protocol=run, pilot=Pilot(run, 12, 64, 16, 3.0, *lost))
        (tmp_path / "card.html").write_text(report.html(refused), encoding="utf-8")
        before = driver.current_url
        driver.get((tmp_path / "card.html").as_uri())
        assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]
        assert at(driver, "verdict-title").text.startswith("No ranking")
        assert not at(driver, "against").is_displayed()
        assert not at(driver, "prices").is_displayed()
        assert at(driver, "chosen").text.startswith("The model's own: layers")
        text = driver.find_element(By.TAG_NAME, "body").text
        assert "for study, not for a choice" in text
        assert "recommended" not in text.lower()
        driver.get(before)
        assert at(driver, "chosen").text.startswith("Recommended: layers")

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
            By.CSS_SELECTOR, "button:not([hidden]), input, [role=region], svg[role=img], summary"
        )
        assert len(controls) > 15
        unnamed = [
            control.get_attribute("outerHTML")
            for control in controls
            if not (control.accessible_name or control.get_attribute("aria-label"))
        ]
        assert unnamed == []

    def test_the_verdict_is_the_certificate_and_can_be_copied(
        self, driver: webdriver.Chrome, card: LayerCard
    ) -> None:
        assert "Adapt layers" in at(driver, "verdict-title").text
        cells = at(driver, "prices").find_elements(By.TAG_NAME, "li")
        assert len(cells) == len(card.layers)
        taken = [int(cell.text) for cell in cells if cell.get_attribute("class") == "taken"]
        assert tuple(taken) == card.certificate.layers
        names: dict[str, Any] = {}
        code = copied(driver, "peft").replace("from peft import LoraConfig", "LoraConfig = dict")
        exec(code, names)
        layers = card.certificate.layers
        assert names["config"] == lora_config_arguments(layers, card.modules, 8, 16.0)

    def test_what_trl_and_axolotl_are_given_is_the_placement(
        self, driver: webdriver.Chrome, card: LayerCard
    ) -> None:
        arguments = lora_config_arguments(card.certificate.layers, card.modules, 8, 16.0)
        made: dict[str, Any] = {"calls": []}

        class Trainer(SimpleNamespace):
            def __init__(self, model: str, **words: Any) -> None:
                made.update(words, model=model)

            def train(self) -> None:
                made["calls"].append("train")

            def save_model(self) -> None:
                made["calls"].append("save")

        code = copied(driver, "trl").replace("from peft import LoraConfig", "LoraConfig = dict")
        names: dict[str, Any] = {
            "SFTConfig": lambda output, **words: {"output_dir": output, **words},
            "SFTTrainer": Trainer,
            "load_dataset": lambda kind, data_files, split: [data_files],
        }
        for line in ("from trl import SFTConfig, SFTTrainer", "from datasets import load_dataset"):
            assert line in code
            code = code.replace(line, "pass")
        exec(code, names)
        names["main"]("data.jsonl")
        assert made["train_dataset"] == ["data.jsonl"]
        assert made["peft_config"] == arguments
        assert made["model"] == "example/gpt2-tiny"
        assert made["calls"] == ["train", "save"]
        assert made["args"].keys() <= {item.name for item in fields(TrainingArguments)}
        fragment = yaml.safe_load(copied(driver, "axolotl"))
        assert fragment["lora_target_modules"] == arguments["target_modules"]
        assert fragment["lora_r"] == 8

    def test_rivals_have_the_gains_of_the_model(
        self, driver: webdriver.Chrome, card: LayerCard
    ) -> None:
        rows = {
            row.find_element(By.TAG_NAME, "th").text: [
                cell.text for cell in row.find_elements(By.TAG_NAME, "td")
            ]
            for row in driver.find_elements(By.CSS_SELECTOR, ".against tbody tr:not([hidden])")
        }
        names = ["recommended", "runner-up", "first 4", "last 4", "uniform 4", "random 4, mean"]
        assert list(rows) == [*names, "trained 2"]
        for name, layers in (("first 4", range(4)), ("last 4", range(4, 8)), ("trained 2", (1, 5))):
            assert rows[name][0] == ", ".join(map(str, layers))
            gain = card.predictor().quadratic.gain(tuple(layers))
            assert float(rows[name][2]) == pytest.approx(gain, rel=5e-3)
        assert rows["recommended"][4] == "0.4 ± 0.02"
        assert rows["first 4"][4] == "0.3 (another run: steps 24, not 100)"
        marks = driver.find_elements(By.CSS_SELECTOR, ".against .diamond")
        assert len(marks) == 3
        assert sum("hollow" in (mark.get_attribute("class") or "") for mark in marks) == 1

    def test_a_set_of_ones_own_has_the_gain_and_the_costs_of_python(
        self, driver: webdriver.Chrome, card: LayerCard
    ) -> None:
        at(driver, "budget").send_keys(Keys.HOME)
        buttons = at(driver, "strip").find_elements(By.TAG_NAME, "button")
        for wanted in (True, False):  # first what comes, then what goes: one layer has to stay
            for layer in range(8):
                if (layer in (0, 3, 7)) == wanted != (layer in chosen(driver)):
                    buttons[layer].click()
        for more in ((), (5,), (1, 2), (4, 6)):
            for layer in more:
                buttons[layer].click()
            own = chosen(driver)
            gain = float(at(driver, "gain").get_attribute("data-exact") or "nan")
            assert gain == pytest.approx(card.predictor().quadratic.gain(own), rel=1e-9)
            row = at(driver, "own").find_elements(By.TAG_NAME, "td")
            assert row[0].text == ", ".join(map(str, own))
            assert float(row[2].text) == pytest.approx(gain, rel=5e-3)
            step = at(driver, "budget-text").text.split(",")[0]
            assert step == amount(card.costs.time.of(own), "seconds")
            expected = lora_config_arguments(own, card.modules, 8, 16.0)
            assert json.loads(at(driver, "config").text) == expected
        assert own == list(range(8))
        assert driver.find_elements(By.ID, "own-point")
        at(driver, "back").click()
        assert not driver.find_elements(By.ID, "own-point")
        assert not at(driver, "own").is_displayed()

    @pytest.mark.parametrize("media", [{}, DARK], ids=["light", "dark"])
    def test_every_text_is_read_easily(
        self, driver: webdriver.Chrome, media: dict[str, Any]
    ) -> None:
        for name in ("matrix", "signed_matrix"):
            driver.find_element(By.CSS_SELECTOR, f"input[value={name}]").send_keys(Keys.SPACE)
            with emulated(driver, **media):
                texts, *worst = driver.execute_script(CONTRAST)  # type: ignore[no-untyped-call]
            assert texts > 300
            assert worst[0] >= 4.5, worst

    def test_the_dark_page_is_dark(self, driver: webdriver.Chrome) -> None:
        ground = "return getComputedStyle(document.body).backgroundColor"
        light = driver.execute_script(ground)  # type: ignore[no-untyped-call]
        with emulated(driver, **DARK):
            assert driver.execute_script(ground) != light  # type: ignore[no-untyped-call]

    def test_it_fits_a_phone(self, driver: webdriver.Chrome) -> None:
        with screen(driver, 360):
            width = driver.execute_script(  # type: ignore[no-untyped-call]
                "return [document.documentElement.scrollWidth, window.innerWidth]"
            )
            assert width[0] <= width[1] == 360
            smallest = driver.execute_script(SMALLEST)  # type: ignore[no-untyped-call]
        assert smallest[0] >= 11, smallest

    def test_paper_clips_nothing(self, driver: webdriver.Chrome) -> None:
        for name in ("trl", "axolotl"):
            copied(driver, name)
        with screen(driver, 718), emulated(driver, media="print"):
            assert driver.execute_script(CLIPPED) == []  # type: ignore[no-untyped-call]
            width = driver.execute_script(  # type: ignore[no-untyped-call]
                "return document.documentElement.scrollWidth"
            )
        assert width <= 718


def test_the_glossary_is_that_of_the_documentation() -> None:
    page = Path("docs/glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", page, flags=re.M)
    plain = {
        re.sub(r"[`*]|\\[()]", "", term)
        .replace("\\rho", "\u03c1")
        .replace("\\tau", "\u03c4"): re.sub(r"[`*]", "", meaning)
        for term, meaning in rows
    }
    named = {"Σ (Sigma)": "Σ (Sigma)", "Γ (Gamma)": "Γ (Gamma)"}
    for term, meaning in GLOSSARY:
        assert plain[named.get(term, term)] == meaning


def test_a_model_whose_level_cannot_come_true_shows_shares(card: LayerCard) -> None:
    loud = replace(card, data=dict(card.data) | {"loss": 1e-6}).with_measured(
        {"layers": list(card.certificate.layers), "gain": 2.0}, {"layers": [0, 1], "gain": 1.0}
    )
    found = against(loud, recommended(loud))
    assert found.rows[0].predicted == "100%"
    assert found.unit == "as a share of the recommended layers' gain"
    marks = {row.name: row.marks[0].at for row in found.rows if row.marks}
    assert marks["trained 2"] == pytest.approx(marks["recommended"] / 2, abs=1e-3)


def test_a_large_card_has_a_page(make_card: Callable[..., LayerCard]) -> None:
    text = report.html(make_card(layers=20, groups=2))
    assert text.count('<tr data-layer="') == 40
    assert "too wide to decide" not in text
