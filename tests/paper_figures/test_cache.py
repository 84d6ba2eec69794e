"""Records: computed once, recomputed on change, refused when missing, stale or damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paper_figures.code_version import code_version
from paper_figures.record import Record
from paper_figures.step import Step
from paper_figures.store import Store
from theory import InputError


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the code version that every step sees."""

    def to(value: str) -> None:
        monkeypatch.setattr("paper_figures.step.code_version", lambda module: value)

    to("one")
    return to


class Counter:
    """A step function that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, value: int = 0, **needs: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        return {"value": value + sum(need["value"] for need in needs.values())}


def test_unchanged_is_not_recomputed(tmp_path: Path, version: Callable[[str], None]) -> None:
    count = Counter()
    results = [Store(tmp_path).obtain(Step("s", count, {"value": 3})) for _ in range(2)]
    assert count.calls == 1
    assert [computed for _, computed in results] == [True, False]
    assert results[0][0] == results[1][0]
    assert results[0][0].data == {"value": 3}


def test_fresh_data_are_those_of_a_later_run(
    tmp_path: Path, version: Callable[[str], None]
) -> None:
    step = Step("s", lambda: {"b": (1, 2), "a": 3})
    (fresh, _), (kept, _) = (Store(tmp_path).obtain(step) for _ in range(2))
    assert list(fresh.data.items()) == list(kept.data.items()) == [("a", 3), ("b", [1, 2])]


@pytest.mark.parametrize("change", ["code", "options", "digest", "need"])
def test_changed_is_recomputed(tmp_path: Path, version: Callable[[str], None], change: str) -> None:
    count, store = Counter(), Store(tmp_path)
    need = Step("need", Counter(), {"value": 1})
    store.obtain(Step("s", count, {"value": 3}, {"file": "a"}, {"need": need}))
    if change == "code":
        version("two")
    need = Step("need", Counter(), {"value": 2 if change == "need" else 1})
    options = {"value": 4 if change == "options" else 3}
    digests = {"file": "b" if change == "digest" else "a"}
    record, computed = store.obtain(Step("s", count, options, digests, {"need": need}))
    assert computed
    assert count.calls == 2
    assert record.data["value"] == options["value"] + need.options["value"]


def test_a_killed_run_keeps_what_was_finished(
    tmp_path: Path, version: Callable[[str], None]
) -> None:
    first, fails = Counter(), True

    def second(first: dict[str, Any]) -> dict[str, Any]:
        if fails:
            raise KeyboardInterrupt
        return first

    step = Step("second", second, needs={"first": Step("first", first)})
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path).obtain(step)
    assert [path.name[:5] for path in tmp_path.rglob("*.*")] == ["first"]
    fails = False
    Store(tmp_path).obtain(step)
    assert first.calls == 1


def test_reading_back_refuses_missing_stale_and_damaged(
    tmp_path: Path, version: Callable[[str], None]
) -> None:
    step, path = Step("s", Counter(), {"value": 3}), tmp_path / "s.json"
    reader = Store(tmp_path, compute=False)
    with pytest.raises(InputError, match="is missing"):
        reader.obtain(step, path)
    Store(tmp_path).obtain(step, path)
    assert reader.obtain(step, path)[0].data == {"value": 3}
    with pytest.raises(InputError, match="is stale"):
        reader.obtain(Step("s", Counter(), {"value": 4}), path)
    with pytest.raises(InputError, match="holds 's', not 't'"):
        reader.obtain(Step("t", Counter(), {"value": 3}), path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "data": {"value": 30}}))
    with pytest.raises(InputError, match="was changed after"):
        reader.obtain(step, path)
    path.write_text(json.dumps({**content, "schema": 99}))
    with pytest.raises(InputError, match="schema 99"):
        reader.obtain(step, path)
    for text, message in (("{", "is not JSON"), ("[]", "is not a record")):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            reader.obtain(step, path)
    assert Store(tmp_path).obtain(step, path)[0].data == {"value": 3}


def test_nan_is_never_written(tmp_path: Path) -> None:
    record = Record("s", "k", {}, {}, {"value": float("nan")})
    with pytest.raises(ValueError, match="JSON compliant"):
        record.save(tmp_path / "s.json")
    assert list(tmp_path.iterdir()) == []


def test_environment_names_versions_commit_and_hardware(
    tmp_path: Path, version: Callable[[str], None]
) -> None:
    record, _ = Store(tmp_path, seed=7).obtain(Step("s", Counter()))
    made = record.environment
    assert made["seed"] == 7
    assert {"python", "numpy", "matplotlib"} <= made["versions"].keys()
    assert made["commit"]["hash"] or made["commit"]["reason"]
    assert made["hardware"]["cores"] >= 1


def _package(root: Path, **sources: str) -> None:
    for name, text in sources.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("theory__base", True),
        ("theory__lazy", True),
        ("theory__member", True),
        ("theory__other", False),
        ("simulate__world", True),
    ],
)
def test_code_version_follows_imports(tmp_path: Path, changed: str, counts: bool) -> None:
    sources = {
        "simulate__world": "import numpy\nfrom theory.base import f\nfrom theory.group import g",
        "theory__base": "def f():\n    from theory import lazy",
        "theory__lazy": "",
        "theory__other": "",
        "theory__group__inner": "from .. import member",
        "theory__member": "",
    }
    roots = [tmp_path / "a", tmp_path / "b"]
    _package(roots[0], **sources)
    _package(roots[1], **sources | {changed: sources[changed] + "\nx = 1"})
    same = code_version("simulate.world", roots[0]) == code_version("simulate.world", roots[1])
    assert same != counts


def test_code_version_of_a_foreign_module_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"numpy\.linalg"):
        code_version("numpy.linalg")
