"""The log of runs: exact values, and its bounds."""

import json

import pytest

from gateway.emulator.sql.data_types import MAX, DataType
from gateway.emulator.sql.execution_log import ExecutionLog, wire_value
from gateway.emulator.sql.values import Value


def text_value(units: str) -> Value:
    return Value(DataType("nvarchar", MAX), units)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (text_value("\ud83d\ude00"), "😀"),
        (text_value("a\ud83db"), "a\ud83db"),
        (Value(DataType("varbinary", MAX), b"\0\xff"), "AP8="),
        (Value(DataType("int"), 5), "5"),
        (Value(DataType("bit"), 1), "1"),
        (text_value(""), ""),
        (Value(DataType("int"), None), None),
    ],
)
def test_value_survives_json(value: Value, shown: str | None) -> None:
    assert json.loads(json.dumps(wire_value(value))) == shown


def test_run_is_recorded_with_its_name_and_types() -> None:
    log = ExecutionLog()
    assert log.record("dbo.P", ("db", "", "p"), {"@n": text_value("x")}) == 1
    assert log.runs() == [
        {
            "run": 1,
            "procedure": "dbo.P",
            "calledAs": ["db", "", "p"],
            "arguments": {"@n": {"type": "nvarchar(max)", "value": "x"}},
        }
    ]
    log.clear()
    assert log.runs() == []
    assert log.record("dbo.P", ("p",), {}) == log.total == 2


def test_oldest_runs_leave_over_the_count() -> None:
    log = ExecutionLog(max_runs=2)
    for _ in range(3):
        log.record("dbo.P", ("P",), {})
    assert [run["run"] for run in log.runs()] == [2, 3]
    assert log.total == 3


def test_oldest_runs_leave_over_the_bytes() -> None:
    log = ExecutionLog(max_bytes=10_000)
    for size in (4_000, 4_000, 4_000, 20_000, 100):
        log.record("dbo.P", ("P",), {"@n": text_value("x" * size)})
        assert sum(len(run["arguments"]["@n"]["value"]) for run in log.runs()) <= 10_000
    assert [run["run"] for run in log.runs()] == [5]
