"""The command that compares the two curvatures, on a few records."""

import json

from typer.testing import CliRunner

from realmodel.bench.fisher import application


def test_more_draws_come_closer_to_the_exact_matrix() -> None:
    words = ["--num-samples", "6", "--directions", "1", "--draws", "1", "--draws", "40"]
    result = CliRunner().invoke(application, [*words, "--damping", "0.1", "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    one, many = record["rows"]
    assert record["sequences"] == 6
    assert one["exact_seconds"] == many["exact_seconds"] > 0
    ratio = many["agreement"]["curvature_error"] / one["agreement"]["curvature_error"]
    assert ratio < 0.5  # about 1/sqrt(40)
