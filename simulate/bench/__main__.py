"""``python -m simulate.bench [--output FILE]``: print the ratios, and write them as JSON."""

import argparse
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import scipy

from simulate.bench.certificates import measure_certificates
from simulate.bench.measurement import Measurement
from simulate.bench.quadratic import measure_quadratic
from simulate.bench.search import measure_exact_search, measure_greedy
from theory.whole_file import write_json


def lines(results: list[Measurement]) -> list[str]:
    """The table, as text."""
    text = [f"{'seconds':>9} {'reference':>9} {'ratio':>7}  target"]
    for result in results:
        text.append(
            f"{result.seconds:9.3f} {result.reference_seconds:9.3f} {result.ratio:6.1f}x  "
            f"{result.target}: {'met' if result.met else 'MISSED'}"
        )
        text.append(f"{'':28} {result.name} against {result.reference}")
    return text


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m simulate.bench", description=__doc__)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    results: list[Measurement] = []
    for measure in (measure_quadratic, measure_exact_search, measure_greedy):
        print(f"{measure.__name__} ..", file=sys.stderr)
        results.append(measure())
    print("measure_certificates ..", file=sys.stderr)
    results += measure_certificates()
    print("\n".join(lines(results)))
    if options.output is not None:
        record = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load": list(os.getloadavg()),
            "blas_threads": os.environ.get("OMP_NUM_THREADS"),
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "scipy": scipy.__version__,
            },
            "results": [asdict(result) for result in results],
        }
        write_json(options.output, record)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
