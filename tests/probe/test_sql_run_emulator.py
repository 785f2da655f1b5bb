"""SQL probes of the emulator: each of its variants is found, with a bill of the queries announced."""

from typing import Any

import pytest
from conftest import KEY, settings_for
from probe.probing import set_variants

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.sites import SYDNEY
from gateway.probe.run import run_sql_probe
from gateway.probe.sql_questions import SQL_QUESTIONS
from gateway.probe.sql_report import render_sql_report

HEX, BASE64 = "a binary value as 0x…: ", "a binary value as base64: "


def report_of(emulator: RunningEmulator, budget: int = 30) -> str:
    settings = settings_for(emulator.url)
    return render_sql_report(run_sql_probe(settings, SYDNEY, KEY, budget=budget), settings)


@pytest.mark.parametrize(
    ("variants", "lines"),
    [
        ({"sql_binary_values": "both"}, [f"{HEX}arrives as its bytes", f"{BASE64}arrives as its bytes"]),
        ({"sql_binary_values": "hex"}, [f"{HEX}arrives as its bytes", f"{BASE64}is refused"]),
        ({"sql_binary_values": "base64"}, [f"{BASE64}arrives as its bytes"]),
        ({"sql_text_parameters": False}, ["TAKES NO PARAMETERS", "sql-parameter-conversion = false"]),
        ({"sql_max_request": 1_500_000}, ["of 2,000,000 bytes: result-too-large", "sql.max_body = 1000000"]),
    ],
    ids=str,
)
def test_variant_of_emulator_is_found(
    emulator: RunningEmulator, variants: dict[str, Any], lines: list[str]
) -> None:
    set_variants(emulator, {"sql_max_request": 1_500_000, **variants})
    report = report_of(emulator)
    assert [line for line in lines if line not in report] == []
    assert len(emulator.control("GET", "requests")) <= len(SQL_QUESTIONS)


def test_probe_executes_no_procedure(emulator: RunningEmulator) -> None:
    report_of(emulator, budget=4)
    assert emulator.control("GET", "executions") == []
    assert emulator.control("GET", "bill")["queries"] == 4
