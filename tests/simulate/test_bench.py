"""The benchmark's bookkeeping and yardsticks; its timings are nobody's assertion."""

import json
from pathlib import Path

import pytest

from simulate.bench import __main__ as bench
from simulate.bench.certificates import (
    isotropic,
    measure_pareto_front,
    measure_search,
    tangent_like,
)
from simulate.bench.quadratic import measure_quadratic
from simulate.bench.search import (
    best_by_loop,
    greedy_anew,
    layered,
    measure_exact_search,
    measure_greedy,
)
from theory import exact_search, greedy


def test_yardsticks_compute_the_same_thing() -> None:
    quadratic = layered(8, 2)
    assert quadratic.coupling > 0.1
    assert best_by_loop(quadratic, 3, 10**6) == pytest.approx(exact_search(quadratic, 3).gain)
    assert greedy_anew(quadratic, 4) == greedy(quadratic, 4).layers


def test_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def small_quadratic():
        return measure_quadratic(layers=2, size=3, repetitions=1)

    def small_search():
        return measure_exact_search(layers=5, dimension=1, size=2)

    def small_certificates():
        return [
            measure_search(6, 2, tangent_like(6, 2, 3.0), 5.0),
            measure_search(6, 2, isotropic(6, 2), 5.0),
            measure_pareto_front(16, 1),
        ]

    def small_greedy():
        return measure_greedy(layers=4, dimension=2, size=2)

    monkeypatch.setattr(bench, "measure_quadratic", small_quadratic)
    monkeypatch.setattr(bench, "measure_exact_search", small_search)
    monkeypatch.setattr(bench, "measure_greedy", small_greedy)
    monkeypatch.setattr(bench, "measure_certificates", small_certificates)
    assert bench.main(["--output", str(tmp_path / "new" / "bench.json")]) == 0
    record = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert len(record["results"]) == 6
    assert all(result["seconds"] >= 0 for result in record["results"])
    printed = capsys.readouterr()
    assert printed.out.count("target") == 1
    assert "C(5, 2) = 10 sets" in printed.out
