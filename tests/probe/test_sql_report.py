"""Report of a SQL probe."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.emulator.sites import SYDNEY
from gateway.probe.sql_questions import SqlAnswer, SqlAnswers, value_length
from gateway.probe.sql_report import render_sql_report
from gateway.probe.sql_run import SqlProbeReport
from gateway.settings import Settings
from gateway.settings.sql import Sql

SETTINGS = Settings()
ARRIVED = SqlAnswer(5, "0x0102FEFF0A")
REFUSED = SqlAnswer(refusal="sql-value")
UNDECLARED = SqlAnswer(refusal="sql-refused", is_undeclared=True)
WHOLE = {f"size-{size}": SqlAnswer(value_length(size)) for size in (1_000_000, 2_000_000)}
AS_ASSUMED = {"hex": ARRIVED, "base64": ARRIVED, **WHOLE}
REPORT = SqlProbeReport(SYDNEY, datetime(2026, 11, 28, tzinfo=UTC), 30, AS_ASSUMED, queries_sent=4)


def rendered(answers: SqlAnswers) -> str:
    return render_sql_report(replace(REPORT, answers=answers), SETTINGS)


def test_site_as_assumed_needs_no_setting() -> None:
    text = rendered(AS_ASSUMED)
    assert tomllib.loads(text) == {}
    assert "# halo-gateway probe --sql: 4 of at most 30 queries sent" in text
    assert "# a command of type text takes parameters" in text
    assert "# a binary value as 0x…: arrives as its bytes" in text
    assert "# a request of 2,000,000 bytes arrives whole: binary values of up to 999,8" in text
    assert "sql-parameter-conversion): not asked" in text
    assert " = " not in text


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"hex": UNDECLARED, "base64": UNDECLARED}, "takes no parameters; report it"),
        ({"hex": SqlAnswer(5, "0x3078"), "base64": ARRIVED}, "stored as other bytes"),
        ({"hex": ARRIVED, "base64": SqlAnswer(8, "0x41514C2B2F776F3D")}, "stored as other bytes"),
    ],
)
def test_site_unlike_the_assumption_switches_the_repair_off(answers: SqlAnswers, reason: str) -> None:
    text = rendered(answers)
    assert tomllib.loads(text) == {"sites": {SYDNEY: {"repairs": {"sql-parameter-conversion": False}}}}
    assert reason in text


def test_form_that_is_refused_leaves_the_repair_on() -> None:
    text = rendered({"hex": REFUSED, "base64": ARRIVED})
    assert tomllib.loads(text) == {}
    assert "# a binary value as 0x…: is refused" in text
    assert "binary-always" not in text


def test_site_that_converts_no_binary_value_needs_all_declared() -> None:
    refused = {"hex": REFUSED, "base64": REFUSED}
    text = rendered({**refused, "integer": SqlAnswer(4, "7")})
    assert '#   for all sites: sql.rewrite = "binary-always"' in text
    assert "binary-always" not in rendered(refused)


def test_refused_size_is_a_limit_of_the_body() -> None:
    text = rendered({**WHOLE, "size-4000000": SqlAnswer(refusal="result-too-large")})
    assert "# a request of 4,000,000 bytes: result-too-large" in text
    assert "#   for all sites: sql.max_body = 2000000" in text
    assert "sql.max_body" not in rendered({"size-1000000": REFUSED})
    low = Settings(sql=Sql(max_body=2_000_000))
    answers = {**WHOLE, "size-4000000": REFUSED}
    assert "sql.max_body" not in render_sql_report(replace(REPORT, answers=answers), low)
    assert "DID NOT ARRIVE WHOLE" in rendered({"size-1000000": SqlAnswer(8_000)})
    assert "size of a request: not asked" in rendered({})


def test_report_contains_unasked_questions_and_problem() -> None:
    left = replace(REPORT, questions_left=3, problem="No key. (x)")
    text = render_sql_report(left, SETTINGS)
    assert "3 questions were not asked: probe again with --budget 33" in text
    assert "# ENDED EARLY: No key. (x)" in text
