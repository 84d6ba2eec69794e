import json
from dataclasses import replace

import numpy as np
import pytest

from simulate.drawing import save_figure
from simulate.experiments import EXPERIMENTS, experiment
from simulate.experiments.rank_allocation import allocations
from simulate.placement_rules import RULES
from simulate.style import style
from simulate.table import Table, finite
from theory import InputError

# Enough of each to see its effect, little enough for every run of the tests.
WORLDS = {"residual_norm": 12, "spreading": 2, "cost": 2, "fits": 6, "worlds": 60, "phase": 2}
KEPT = {
    "step_budget": lambda point: point["condition"] in (1.0, 100.0),
    "noise_amplification": lambda point: point["condition"] in (1.0, 1000.0),
    "depth": lambda point: point["layers"] in (2, 8),
    "phase": lambda point: point["strength"] in (0.225, 3.25) and point["place"] in (0.08, 0.92),
    "cost": lambda point: point["sign"] == 1,
}


def small(name):
    chosen = EXPERIMENTS[name]
    kept = KEPT.get(name, lambda point: True)
    return replace(chosen, grid=tuple(point for point in chosen.grid if kept(point)))


@pytest.fixture(scope="module")
def tables():
    made = {}

    def get(name):
        if name not in made:
            made[name] = small(name)(seed=1, worlds=WORLDS.get(name, 1))
        return made[name]

    return get


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_every_experiment_gives_a_tidy_table_its_summary_and_a_figure(tables, name, tmp_path):
    table, chosen = tables(name), small(name)
    assert chosen.name == name
    assert len(table.rows) > 0
    assert table.columns.keys() == chosen.columns.keys()
    assert set(table.versions) >= {"python", "numpy", "scipy", "layercard"}

    path = tmp_path / "table.json"
    table.save(path)
    assert Table.load(path) == table
    assert json.loads(path.read_text())["seed"] == 1

    summary = chosen.summarise(table)
    assert 0 < len(summary.rows) <= len(table.rows)
    json.dumps(summary.record(), allow_nan=False)
    assert chosen.summarise(Table.load(path)) == summary

    save_figure(chosen, table, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figure.png", "table.json"]


@pytest.mark.parametrize("name", ["compensation", "noise_amplification"])
def test_the_seed_makes_the_table(tables, name):
    assert small(name)(seed=1, worlds=1) == tables(name)
    assert small(name)(seed=2, worlds=1).rows != tables(name).rows


@pytest.mark.parametrize("name", ["additivity", "compensation", "choice"])
def test_no_bound_is_violated(tables, name):
    summary = EXPERIMENTS[name].summarise(tables(name))
    assert summary.column("violations").sum() == 0
    broken = [{**row, **spoiled(name, row)} for row in tables(name).rows]
    spoilt = replace(tables(name), rows=tuple(broken))
    assert EXPERIMENTS[name].summarise(spoilt).column("violations").sum() > 0


def spoiled(name, row):
    return {
        "additivity": {"ratio": 3.0 * row.get("ratio", 0.0)},
        "compensation": {"displacement": 1e3},
        "choice": {"fraction": 1e-3},
    }[name]


def test_bounds_on_additivity_are_attained_along_eigenvectors(tables):
    table = tables("additivity")
    weakest = table.where(coupling="synergistic", target="weakest")
    np.testing.assert_allclose(weakest.column("ratio"), 1 / (1 - weakest.column("strength")))
    strongest = table.where(coupling="redundant", target="strongest")
    np.testing.assert_allclose(strongest.column("ratio"), 1 / (1 + strongest.column("strength")))


def test_paper_bound_is_void_above_one(tables):
    rows = [row for row in tables("additivity").rows if row["strength"] > 1]
    assert rows
    assert all(row["paper_upper"] is None and row["signed_upper"] is not None for row in rows)


def test_cross_fitting_removes_the_plug_in_bias(tables):
    table = EXPERIMENTS["residual_norm"].summarise(tables("residual_norm"))
    part = table.where(signal=0.0, unit="sequence", dependence=0.0)
    np.testing.assert_allclose(part.column("plug_in_bias"), part.column("predicted"), rtol=0.35)
    assert (np.abs(part.column("cross_fit_bias")) < 0.4 * part.column("predicted")).all()


def test_noise_amplification_follows_the_spectrum_and_prediction_does_not(tables):
    table = tables("noise_amplification")
    np.testing.assert_allclose(table.column("parameter_error"), table.column("predicted"), rtol=0.5)
    assert (table.column("floor") <= table.column("predicted") * (1 + 1e-9)).all()
    np.testing.assert_allclose(
        table.column("prediction_error"), table.column("predicted_prediction_error"), rtol=0.2
    )


def test_training_follows_the_step_budget(tables):
    table = tables("step_budget")
    np.testing.assert_allclose(table.column("trained"), table.column("closed_form"), atol=1e-9)
    assert (table.column("trained") <= table.column("bound") + 1e-9).all()
    flat = table.where(spectrum="flat", steps=1)
    np.testing.assert_allclose(flat.column("trained"), 1.0)


def test_spreading_helps_under_redundancy_and_hurts_under_synergy(tables):
    table = tables("spreading")
    gain = {
        (sign, placement): table.where(sign=sign, placement=placement, target="uniform").column(
            "gain"
        )
        for sign in (1, -1)
        for placement in ("contiguous", "spread", "best")
    }
    assert (gain[1, "spread"] > gain[1, "contiguous"]).all()
    assert (gain[-1, "spread"] < gain[-1, "contiguous"]).all()
    for sign in (1, -1):
        assert (gain[sign, "best"] >= gain[sign, "spread"] - 1e-9).all()
    assert (table.column("coupling_inside") <= table.column("coupling_bound") + 1e-9).all()
    assert (table.column("guaranteed") <= table.column("gain") + 1e-9).all()


def test_the_exact_rule_is_the_best(tables):
    table = tables("choice")
    assert (table.column("fraction") <= 1 + 1e-9).all()
    np.testing.assert_allclose(table.where(rule="exact").column("fraction"), 1.0)


def test_no_simple_rule_beats_the_front(tables):
    table = tables("cost")
    assert (table.column("gain") <= table.column("best_at_cost") + 1e-9).all()
    front = table.where(rule="front")
    np.testing.assert_allclose(front.column("gain"), front.column("best_at_cost"))


def test_rank_allocation_is_exact_without_coupling(tables):
    table = tables("rank_allocation")
    apart = table.where(strength=0.0)
    np.testing.assert_allclose(apart.column("trained"), apart.column("best"), rtol=1e-3)
    np.testing.assert_allclose(apart.column("trained"), apart.column("predicted"), rtol=1e-3)
    assert (table.column("trained") <= table.column("best") + 1e-9).all()
    assert (table.column("interval_low") <= table.column("trained") * 1.01).all()


def test_allocations_are_all_there():
    every = list(allocations(4, 4, 3))
    assert len(every) == len(set(every)) == 31
    assert all(sum(ranks) == 4 and max(ranks) <= 3 for ranks in every)


def test_training_on_the_population_realises_the_prediction(tables):
    table = tables("fits").where(tokens=None)
    for method in ("closed form", "gradient descent"):
        part = table.where(method=method)
        np.testing.assert_allclose(part.column("realised"), part.column("predicted"), rtol=1e-8)
    assert (table.column("realised") <= table.column("upper") * (1 + 1e-9)).all()
    few = tables("fits").where(tokens=128, method="closed form")
    assert (few.column("realised") < few.column("gain")).all()


def test_depth_makes_coupling_and_training_beats_the_quadratic_step(tables):
    table = tables("depth")
    deep, shallow = (table.where(layers=n, aim=0.85).column("coupling") for n in (8, 2))
    assert deep.min() > shallow.max()
    assert (table.column("trained") >= table.column("realised") - 1e-9).all()
    two = table.where(layers=2)
    np.testing.assert_allclose(two.column("beyond_second_order"), 0.0, atol=1e-9)


def test_mixed_worlds_break_no_bound(tables):
    table = tables("worlds")
    assert all(row["failed"] == [] for row in table.rows)
    assert len(table.values("coupling")) == 5
    assert (table.column("strength") > 1).any()


def test_the_phase_diagram_places_cards(tables, tmp_path):
    from simulate import linear_gaussian_world

    source = linear_gaussian_world(
        np.random.default_rng(0), layers=6, coupling="redundant", strength=2.5, target="uniform"
    ).quadratic
    source.save(tmp_path / "measured.npz")
    pattern = -0.4 * (np.ones((4, 4)) - np.eye(4)) / 3
    (tmp_path / "pattern.json").write_text(json.dumps({"coupling": pattern.tolist()}))
    cards = [tmp_path / "measured.npz", tmp_path / "pattern.json"]
    for name in ("phase", "additivity"):
        chosen = replace(small(name), grid=small(name).grid[:1])
        table = chosen(seed=1, worlds=1, cards=cards)
        first, second = table.options["cards"]
        assert first["source"] == "measured.npz"
        strength = first["strength" if name == "phase" else "coupling"]
        assert strength == pytest.approx(2.5)
        if name == "phase":
            assert first["sign"] == 1
            assert first["alignment"] == pytest.approx(1.0)
            assert second["sign"] == -1
            assert second["alignment"] is None
    table = replace(tables("phase"), options=table.options | {"cards": chosen_cards(cards)})
    save_figure(EXPERIMENTS["phase"], table, tmp_path / "phase.png")
    assert (tmp_path / "phase.png").stat().st_size > 10_000


def chosen_cards(paths):
    return EXPERIMENTS["phase"].cards(paths)


def test_a_card_beyond_the_phase_diagram_is_an_arrow_at_its_edge(tables):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import BoxStyle

    cards = [
        {"source": "far", "sign": 1, "strength": 10.7, "alignment": 0.77},
        {"source": "less_far" * 12, "sign": 1, "strength": 10.3, "alignment": 0.87},
        {"source": "in$de$", "sign": 1, "strength": 2.0, "alignment": 0.5},
        {"source": "pattern", "sign": -1, "strength": 0.1, "alignment": None},
        {"source": "far pattern", "sign": -1, "strength": 2.5, "alignment": None},
    ]
    table = replace(tables("phase"), options=tables("phase").options | {"cards": cards})
    with style():
        figure = Figure()
        FigureCanvasAgg(figure)
        EXPERIMENTS["phase"].draw(table, figure)
        figure.draw_without_rendering()

    edges = {-1: 0.3, 1: 3.5}  # where the cells of the small grid end
    reached = {}
    for sign, axes in zip((-1, 1), figure.axes, strict=True):
        boxes = {t.get_text(): t for t in axes.texts if t.get_bbox_patch() is not None}
        key = next(text for label, text in boxes.items() if not label.isdigit())
        for number, card in enumerate(cards, start=1):
            if card["sign"] != sign:
                continue
            mark = boxes[str(number)]
            reached[number], height = mark.get_position()
            assert card["alignment"] in (None, height)
            arrow = isinstance(mark.get_bbox_patch().get_boxstyle(), BoxStyle.RArrow)
            assert arrow == (card["strength"] > edges[sign])
            assert arrow or reached[number] == card["strength"]
            assert f"\u03c1\u00a0=\u00a0{card['strength']:.3g}" in key.get_text()
        assert key.get_text().count("(beyond the map)") == (2 if sign == 1 else 1)
        assert max(axes.get_xticks()) <= edges[sign] + 1e-9
        for text in boxes.values():  # nothing is cut
            box = text.get_bbox_patch().get_window_extent()
            assert figure.bbox.contains(box.x0, box.y0)
            assert figure.bbox.contains(box.x1, box.y1)
    assert edges[1] < reached[2] < reached[1] < figure.axes[1].get_xlim()[1]
    assert edges[-1] < reached[5] < figure.axes[0].get_xlim()[1]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("first", (0, 1, 2)), ("last", (7, 8, 9)), ("middle", (4, 5, 6)), ("uniform", (0, 5, 9))],
)
def test_simple_rules(rule, expected):
    from simulate import linear_gaussian_world

    quadratic = linear_gaussian_world(np.random.default_rng(0), layers=10).quadratic
    assert RULES[rule](quadratic, 3, np.random.default_rng(0)) == expected


def test_bad_runs_are_refused(tmp_path):
    with pytest.raises(InputError, match="experiment 'moon' is unknown: choose one of additivity"):
        experiment("moon")
    with pytest.raises(InputError, match="worlds is 0"):
        experiment("choice")(worlds=0)
    with pytest.raises(InputError, match="has no place for cards"):
        experiment("choice")(cards=[tmp_path / "card.json"])
    with pytest.raises(InputError, match="does not hold a table"):
        Table.load(tmp_path / "absent.json")
    with pytest.raises(InputError, match="a row of table 'x' has columns"):
        Table("x", "X", {"a": ""}, ({"b": 1},), seed=0)


def test_what_json_cannot_hold_becomes_none():
    assert finite(float("inf")) is None
    assert finite(float("nan")) is None
    assert finite(2.0) == 2.0
