"""Runs of a SQL probe over real sockets."""

from base64 import b64decode
from collections.abc import Callable, Iterator

import pytest
from conftest import KEY, settings_for
from probe.sql_site import UNDECLARED, Refusal, SqlSite, database_error, refuse_value, value_error

from gateway.emulator.sites import SYDNEY
from gateway.probe.run import run_sql_probe
from gateway.probe.sql_questions import (
    REQUEST_SIZES,
    SQL_QUESTIONS,
    Reading,
    binary_reading,
    largest_request,
    refused_request,
    takes_parameters,
)
from gateway.probe.sql_run import SqlProbeReport, sql_cost_announcement
from gateway.settings.upstreams import Timeouts

ALL = len(SQL_QUESTIONS) - 1  # the integer is needless


@pytest.fixture
def site() -> Iterator[SqlSite]:
    with SqlSite() as running:
        running.max_body = 2_000_000  # quick
        yield running


def probe(site: SqlSite, budget: int = 30) -> SqlProbeReport:
    return run_sql_probe(settings_for(site.url), SYDNEY, KEY, budget=budget)


def test_site_as_assumed_takes_parameters_and_both_forms(site: SqlSite) -> None:
    report = probe(site)
    assert takes_parameters(report.answers)
    assert [binary_reading(report.answers, form) for form in ("hex", "base64")] == ["bytes", "bytes"]
    assert not report.problem
    assert set(site.paths) == {f"/integrator/sites/{SYDNEY}/queries/immediate"}
    assert {headers["content-type"] for headers in site.headers} == {"application/json"}
    assert {headers["ocp-apim-subscription-key"] for headers in site.headers} == {"demo-key"}


@pytest.mark.parametrize(
    ("decode", "readings"),
    [
        (b64decode, ["base64", "bytes"]),
        (lambda text: text.encode("utf-16-le"), ["utf-16", "utf-16"]),
        (lambda text: text.encode(), ["characters", "characters"]),
        (refuse_value, ["refused", "refused"]),
    ],
)
def test_reading_of_binary_values_is_found(
    site: SqlSite, decode: Callable[[str], bytes], readings: list[Reading]
) -> None:
    site.decode = decode
    answers = probe(site).answers
    assert [binary_reading(answers, form) for form in ("hex", "base64")] == readings
    assert takes_parameters(answers)


@pytest.mark.parametrize("refusal", [database_error(137, UNDECLARED), value_error()])
def test_site_without_parameters_is_found(site: SqlSite, refusal: Refusal) -> None:
    site.takes_parameters = False
    site.refusal_of_parameters = refusal
    report = probe(site)
    assert takes_parameters(report.answers) is False
    assert largest_request(report.answers) == 2_000_000


def test_growing_requests_stop_at_the_first_refusal(site: SqlSite) -> None:
    report = probe(site)
    assert largest_request(report.answers) == 2_000_000
    assert refused_request(report.answers) is not None
    assert site.sizes[-1] > 3_999_000
    assert report.queries_sent == len(site.texts) == 5


def test_site_that_takes_all_sizes_is_asked_for_each(site: SqlSite) -> None:
    site.max_body = max(REQUEST_SIZES)
    report = probe(site)
    assert largest_request(report.answers) == 16_000_000
    assert refused_request(report.answers) is None
    assert report.queries_sent == len(site.texts) == ALL


def test_value_cut_on_its_way_is_found(site: SqlSite) -> None:
    site.lost_bytes = 1
    report = probe(site)
    assert largest_request(report.answers) == 0
    assert refused_request(report.answers) is not None


@pytest.mark.parametrize("budget", [0, 1, 3, 4])
def test_budget_is_never_exceeded(site: SqlSite, budget: int) -> None:
    report = probe(site, budget)
    assert report.queries_sent == len(site.texts) == budget
    assert report.questions_left


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (401, "Access denied due to invalid subscription key.", "upstream-credentials"),
        (500, "Internal server error", "write-outcome-unknown"),
    ],
)
def test_failure_of_key_or_practice_ends_the_probe(site: SqlSite, status: int, text: str, code: str) -> None:
    site.failure = Refusal(status, {"statusCode": status, "message": text})
    report = probe(site)
    assert code in report.problem
    assert report.queries_sent == len(site.texts) == 1


def test_response_without_rows_is_no_evidence(site: SqlSite) -> None:
    site.failure = Refusal(200, {"status": "successful"})
    answers = probe(site).answers
    assert binary_reading(answers, "hex") == "unclear"
    assert takes_parameters(answers) is None


def test_query_has_the_timeouts_of_sql(site: SqlSite) -> None:
    site.seconds = 0.4
    settings = settings_for(site.url)
    impatient = settings.upstream.model_copy(update={"timeouts": Timeouts(read=0.1, total=0.1)})
    report = run_sql_probe(settings.model_copy(update={"upstream": impatient}), SYDNEY, KEY, budget=1)
    assert (report.problem, len(report.answers)) == ("", 1)


def test_announcement_has_number_and_size() -> None:
    assert "at most 8 billed SQL queries, and 31 MB" in sql_cost_announcement(30)
    assert "at most 3 billed" in sql_cost_announcement(3)
