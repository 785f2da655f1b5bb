"""Stored procedures with a value of 10 MB: time, memory and the longest hold of the loop of their rewrite."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.sql_rewrite_process import Figures

pytestmark = [pytest.mark.bench, measure.needs_linux, pytest.mark.timeout(200)]

ROOT = Path(__file__).parent.parent
#: Encoding of the value, and its size in MB; 10 MB in hex would be over `sql.max_body`.
VALUES = (("base64", 3), ("base64", 10), ("hex", 7.5), ("text", 10))
HEAD = ("", "body MB", "seconds", "peak memory : body", "longest hold ms")
MB = 1_000_000


def test_rewrite_of_large_values() -> None:
    rows = {f"{encoding}, {size} MB": _figures(encoding, size) for encoding, size in VALUES}
    measure.print_table(
        "a stored procedure with one large value, through the SQL handlers, one process each",
        HEAD,
        [_row(name, figures) for name, figures in rows.items()],
    )
    measure.print_line("")
    for name, figures in rows.items():
        measure.print_aim(f"{name}: peak memory : its body", figures.memory / figures.size, 6)
        measure.print_aim(f"{name}: longest hold in ms", figures.longest_block * 1_000, 10)
    assert all(figures.memory < 6 * figures.size for figures in rows.values())


def _figures(encoding: str, size: float) -> Figures:
    command = measure.pin_to_core(
        measure.SERVER, sys.executable, "-m", "benchmarks.sql_rewrite_process", encoding, str(size)
    )
    environment = os.environ | {"PYTHONPATH": "tests"}
    output = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return Figures(**json.loads(output.splitlines()[-1]))


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    ratio, hold = figures.memory / figures.size, figures.longest_block * 1_000
    return name, f"{figures.size / MB:.1f}", f"{figures.seconds:.2f}", f"{ratio:.1f}", f"{hold:.1f}"
