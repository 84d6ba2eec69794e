"""A card that was edited: it says so, contradicts itself in one sentence, and breaks nothing."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realmodel import report
from realmodel.card import LayerCard
from realmodel.card.schema import check_card, parse_card
from realmodel.placement import place
from realmodel.report import placement_table
from realmodel.report.notes import notes
from realmodel.report.table import table
from theory import InputError
from theory.read_json import read_json

ODD = [
    *(None, True, False, "", "x", [], {}, [[]], -1, 0, 1, 2, 3, 7, -0.0, 0.5, 1e-320, 1e12, 1e100),
    *(1e149, 1e151, 1e308, -1e149, 2**31, 2**63, 2**64, 10**30, "\n\x1b[31m", "ä" * 300),
]


@pytest.fixture(scope="module")
def record(make_card: Callable[..., LayerCard]) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(make_card(layers=3).to_json())
    return written


@pytest.fixture(scope="module")
def tangent_record(measured: LayerCard) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(measured.to_json())
    return written


@pytest.fixture(scope="module")
def bases(
    record: dict[str, Any], tangent_record: dict[str, Any]
) -> Callable[[bool], dict[str, Any]]:
    """A function, whose name Hypothesis can print."""
    return lambda tangent: tangent_record if tangent else record


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, containers too."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def edited(record: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(record))
    inner: Any = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def test_a_card_says_when_its_numbers_were_changed(record: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(dict(reversed(record.items())), indent=7))
    assert not LayerCard.load(path).edited
    path.write_text(json.dumps(edited(record, ("data", "loss"), 3.3)))
    card = LayerCard.load(path)
    assert card.edited
    assert "edited after it was measured" in notes(card)[-1].text
    again = LayerCard.load(card.save(path))
    assert again.edited, "writing it again must not launder it"
    assert "edited after it was measured" in report.markdown(again)
    path.write_text(json.dumps(edited(json.loads(again.to_json()), ("edited",), False)))
    assert LayerCard.load(path).edited
    older = {key: value for key, value in record.items() if key not in ("digest", "edited")}
    path.write_text(json.dumps(older))
    assert not LayerCard.load(path).edited


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model/layers", 4, "model/layers is 4, but 3 are listed"),
        ("model/layers", 10**9, "at model/layers: 1000000000 is greater than the maximum"),
        ("layers/1/layer", 10**9, "at layers/1/layer: 1000000000 is greater than the maximum"),
        ("layers/1/layer", 0, "ascending and each named once"),
        ("layers/1/modules", ["x", "y"], "layer 1 lists other modules"),
        ("modules/0/name", "y", "layer 0 lists other modules"),
        ("modules/0/name", "transformer.h.0.mlp.c_fc", "the same name twice"),
        ("modules/0/layer", 7, "is of a layer that is not listed"),
        ("modules/0/in_features", 1e30, "at modules/0/in_features: 1e+30 is not of type 'integer'"),
        ("modules/0/in_features", 8.0, "at modules/0/in_features: 8.0 is not of type 'integer'"),
        ("modules/0/in_features", 10**30, "too many digits"),
        ("modules/0/in_features", 2, "has more singular values than dimensions"),
        ("modules/0/singular_values/0", 1e-9, "do not descend"),
        ("quadratic/curvature/0/0", 1e308, "1e+308 at quadratic/curvature/0/0 is too large"),
        ("quadratic/curvature/0", [1.0], "quadratic/curvature is not square"),
        ("quadratic/sizes", [4, 4], "quadratic/sizes has 2 blocks for 3 layers"),
        ("quadratic/sizes/0", 5, "of another size than its blocks' 13"),
        ("costs/rank", 4, "costs/rank is 4, options/rank 8"),
        ("costs/time/per_layer", [1.0], "costs/time has another number of layers"),
        ("data/completion_tokens", 9999, "exceeds data/tokens"),
        ("options/alpha", 1e400, "inf at options/alpha is too large"),
        ("options/seed", 2**80, "too many digits"),
        ("options/rank", True, "True is not of type 'integer'"),
        ("protocol", {"steps": -1}, "is not a valid card: at protocol"),
        ("digest", "sha256:0", "at digest: 'sha256:0' does not match"),
    ],
)
def test_a_card_that_contradicts_itself(
    record: dict[str, Any], tmp_path: Path, path: str, value: Any, message: str
) -> None:
    where = tuple(int(part) if part.isdigit() else part for part in path.split("/"))
    file = tmp_path / "card.json"
    text = json.dumps(edited(record, where, value)).replace("Infinity", "1e400")
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        LayerCard.load(file)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tangent/protocol/steps", -40, "tangent/protocol/steps"),
        ("tangent/protocol/steps", 41, "protocol/steps is 100, of tangent/protocol 41"),
        ("protocol/batch_size", 9, "protocol/batch_size is 9, of tangent/protocol 8"),
        ("protocol/dropout", 0.1, "at protocol/dropout: 0.0 was expected"),
        ("tangent/curvature/0", [], "tangent/curvature is not square"),
    ],
)
def test_a_tangent_model_of_another_run(
    tangent_record: dict[str, Any], path: str, value: Any, message: str
) -> None:
    where = tuple(int(part) if part.isdigit() else part for part in path.split("/"))
    with pytest.raises(InputError, match=message):
        check_card(edited(tangent_record, where, value), "card.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 900 + "1" + "}" * 900, "nested too deeply"),
        ('{"format": "layercard", "version": ' + "9" * 5000 + "}", "invalid JSON"),
        ('{"format": "layercard", "version": ' + "9" * 400 + "}", "too many digits"),
        ('{"format": "\\ud800"}', "half of a surrogate pair"),
        ("-Infinity", "-Infinity, which is no JSON number"),
        ("", "invalid JSON"),
    ],
)
def test_json_from_a_stranger(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_card(text, "card.json")


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="it is a folder"):
        LayerCard.load(tmp_path)
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(InputError, match="is not a regular file"):
            read_json(path, "card")
    with pytest.raises(InputError, match="cannot read the card"):
        LayerCard.load(tmp_path / ("n" * 5000))


# Absurd numbers overflow on the way; that is no crash.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(tangent=st.booleans(), place_=st.integers(0, 10**6), odd=st.sampled_from(range(len(ODD))))
def test_no_edit_ends_in_a_traceback(
    bases: Callable[[bool], dict[str, Any]], tangent: bool, place_: int, odd: int
) -> None:
    base = bases(tangent)
    found = list(places(base))
    changed = edited(base, found[place_ % len(found)], ODD[odd])
    with suppress(InputError):
        parse_card(json.dumps(changed), "card.json")
        card = LayerCard.from_dict(changed)
        assert card.edited or changed == base
        for objective, budget in (("gain", "1"), ("time", "60%"), ("memory", "90%")):
            placement_table(card, place(card, objective=objective, budget=budget))
        table(card)
        report.markdown(card)
        json.loads(card.to_json())
