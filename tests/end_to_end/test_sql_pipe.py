"""SQL Passthrough by the rules of FHIR: pace, pauses, circuit, bulkhead, relocation, time-outs, limits."""

import gzip
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from end_to_end.sql_upstream import (
    FHIR,
    QUERIES,
    QUERY_ID,
    Answer,
    SqlGateway,
    details,
    envelope,
    sql_gateway,
    text_command,
)
from support.stopwatch import Stopwatch

from gateway.emulator.sites import SYDNEY

OFFLINE = Answer(504, envelope(504, "Site cannot be contacted. Site is offline."))
LOGIN = Answer(400, details("haloLink", 1, "Login failed for user 'x'."))
UNKNOWN_SITE, NEW_SITE = "00000000-0000-4000-8000-0000000f0f0f", "0a1b2c3d-0000-4000-8000-0000000000bb"


@pytest.fixture
def gateway() -> Iterator[SqlGateway]:
    with sql_gateway() as running:
        yield running


def test_query_and_its_result_pass_unchanged(gateway: SqlGateway) -> None:
    gateway.upstream.answers["POST"] = Answer(201, b'{"id" : "x", "n": 1.00}')
    body = text_command("SELECT 'Zzyzx'", unknown=[1.0])
    response = gateway.submit(body, "async")
    assert (response.status_code, response.content) == (201, b'{"id" : "x", "n": 1.00}')
    assert gateway.upstream.bodies == [body]


@pytest.mark.parametrize(
    "body", [b'[{"a":"\\ud83d"}]', b'\xef\xbb\xbf[{"a": 1.0}]', b'{"status":"successful","a":"\\udc00"}']
)
def test_unusual_json_passes_unchanged(gateway: SqlGateway, body: bytes) -> None:
    gateway.upstream.answers["/"] = Answer(200, body)
    calls = [
        "POST immediate",
        f"GET {QUERY_ID}",
        f"GET {QUERY_ID}/results/1/stream",
        f"GET {QUERY_ID}/results/1",
    ]
    for method, _, path in (call.partition(" ") for call in calls):
        assert gateway.ask(method, f"{QUERIES}/{path}", text_command()).content == body
    assert gateway.ask("GET", "/integrator/sites").content == body


@pytest.mark.parametrize(
    "error", [b'%s{"errorDetails":{"errorType":"mssql","errorCode":208,"errorMessage":"\\ud83d"}}']
)
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_error_in_unusual_json_is_recognised(
    gateway: SqlGateway, status: int, start: bytes, error: bytes
) -> None:
    gateway.upstream.answers["immediate"] = Answer(status, error % start)
    response = gateway.submit(**FHIR)
    assert (response.status_code, gateway.code(response)) == (400, "sql-refused")
    assert gateway.submit().content == error % start


def test_polls_queries_and_reads_share_the_pace_of_a_key() -> None:
    with sql_gateway(upstream={"requests_per_second": 4}, retry={"max_wait_seconds": 10}) as gateway:
        calls = [gateway.read, gateway.submit, gateway.poll] * 4
        with ThreadPoolExecutor(12) as pool:
            statuses = [call.result().status_code for call in [pool.submit(call) for call in calls]]
        assert statuses == [200] * 12
        times = sorted(gateway.upstream.sent_at)
        assert all(times[number + 5] - times[number] > 0.9 for number in range(len(times) - 5))


@pytest.mark.parametrize("answer", [OFFLINE, LOGIN], ids=["circuit", "pause"])
@pytest.mark.parametrize("first", ["sql", "fhir"])
def test_practice_is_left_alone_by_both(gateway: SqlGateway, answer: Answer, first: str) -> None:
    gateway.upstream.answers["/"] = answer
    calls = [gateway.submit, gateway.read] if first == "sql" else [gateway.read, gateway.submit]
    assert calls[0](**FHIR).status_code in {403, 503}
    sent = len(gateway.upstream.sent)
    assert calls[1]().status_code in {403, 503}
    gateway.upstream.answers.clear()
    assert calls[1](**FHIR).status_code in {403, 503}
    assert len(gateway.upstream.sent) == sent
    assert gateway.poll().status_code == 200


def test_another_caller_is_not_stopped(gateway: SqlGateway) -> None:
    gateway.upstream.answers["/"] = LOGIN
    gateway.submit()
    gateway.upstream.answers.clear()
    assert gateway.submit(Ocp_Apim_Subscription_Key="other-key").status_code == 200


@pytest.mark.parametrize(
    "error",
    [
        details("mssql", 207, "Invalid column name 'x'."),
        details("mssql", 102, "Incorrect syntax near 'x'."),
        details("mssql", 245, "Conversion failed when converting the nvarchar value 'x' to data type int."),
        details("mssql", 50000, "Login failed for user."),
        details("mssql", 50000, "A network-related or instance-specific error, try again in 24 hours"),
        details("mssql", 50000, "Transaction was deadlocked"),
        details("fbsql", 335544517, "Login failed for user."),
        {"errorCode": 50000, "errorMessage": "error occurred while establishing a connection to SQL Server"},
    ],
)
def test_text_of_a_clients_sql_stops_nobody(gateway: SqlGateway, error: dict[str, object]) -> None:
    """The SQL puts the text together, so that the request does not contain it."""
    gateway.upstream.answers["immediate"] = Answer(400, error)
    for _ in range(6):
        gateway.submit(text_command("SELECT 1/0"), **FHIR)
    gateway.upstream.answers.clear()
    assert (gateway.submit().status_code, gateway.read().status_code) == (200, 200)


def test_hanging_query_takes_a_place_of_the_practice() -> None:
    with sql_gateway(bulkhead={"max_concurrent": 1, "max_queue": 0}) as gateway:
        gateway.upstream.answers["immediate"] = Answer(delay=1.5)
        with ThreadPoolExecutor(1) as pool:
            hanging = pool.submit(gateway.submit)
            while not gateway.upstream.sent:
                time.sleep(0.01)
            assert gateway.code(gateway.read()) == "overloaded"
            assert gateway.poll().status_code == 200
            assert hanging.result().status_code == 200


def test_query_and_its_poll_follow_a_relocated_practice() -> None:
    site = {"time_zone": "Australia/Sydney", "pms_id": "7", "follow_relocation": True}
    listed = {"id": NEW_SITE, "authoritative": True, "practiceManagementSiteId": "7"}
    with sql_gateway(sites={SYDNEY: site}) as gateway:
        gateway.upstream.answers |= {
            SYDNEY: Answer(403, envelope(403, "The site is non-authoritative.")),
            "GET /integrator/sites": Answer(body={"sites": [listed], **listed}),
            QUERY_ID: Answer(body={"status": "successful", "url": f"/sites/{NEW_SITE}/x"}),
        }
        refused = gateway.submit(**FHIR)
        assert (refused.status_code, refused.headers["retry-after"]) == (403, "1")
        assert [line for line in gateway.upstream.sent if "POST" in line] == [f"POST {QUERIES}/immediate"]
        time.sleep(1.1)
        assert gateway.submit().status_code == 200
        assert gateway.poll().json()["url"] == f"/sites/{NEW_SITE}/x"  # a result keeps each byte
        new_path = QUERIES.replace(SYDNEY, NEW_SITE)
        assert gateway.upstream.sent[-2:] == [f"POST {new_path}/immediate", f"GET {new_path}/{QUERY_ID}"]


def test_query_has_its_own_time_limits() -> None:
    upstream = {"timeouts": {"read": 0.4, "total": 0.5}}
    limits = {"read_timeout_seconds": 0.5, "total_timeout_seconds": 12}
    with sql_gateway(upstream=upstream, sql=limits) as gateway:
        gateway.upstream.answers["immediate"] = Answer(delay=1.0)
        gateway.upstream.answers["Patient"] = Answer(delay=1.0)
        assert gateway.code(gateway.read()) == "upstream-timeout"
        patient = text_command("INSERT INTO t VALUES (1)", maxTimeInQueue=10_000)
        assert gateway.submit(patient).status_code == 200
        short = gateway.submit(text_command("INSERT INTO t VALUES (1)", maxTimeInQueue=0), **FHIR)
        assert gateway.code(short) == "write-outcome-unknown"


def test_query_ends_with_its_total_time() -> None:
    with sql_gateway(sql={"read_timeout_seconds": 0.5, "total_timeout_seconds": 2.5}) as gateway:
        gateway.upstream.answers["immediate"] = Answer(delay=6.0)
        with Stopwatch() as wait:
            assert gateway.submit(text_command(maxTimeInQueue=60_000)).status_code == 504
        assert wait.elapsed > 2.0
        assert wait.seconds < 3.5


def test_only_submissions_have_the_larger_body_limit() -> None:
    limits = {"sql": {"max_body": 300_000}, "server": {"max_body": 50_000}}
    with sql_gateway(**limits) as gateway:
        large = text_command(value="A" * 250_000)
        for action in ("immediate", "async", "registered"):
            assert gateway.submit(large, action).status_code == 200
        assert gateway.submit(large, "status").status_code == 413
        assert gateway.submit(large, "unheard-of").status_code == 413
        packed = {"Content_Encoding": "gzip"}
        assert gateway.submit(gzip.compress(large), **packed).status_code == 200
        sent = len(gateway.upstream.sent)
        too_large = text_command(value="A" * 350_000)
        for response in (gateway.submit(too_large), gateway.submit(gzip.compress(too_large), **packed)):
            assert (response.status_code, gateway.code(response)) == (413, "body-too-large")
        assert len(gateway.upstream.sent) == sent


def test_document_of_several_megabytes_arrives_whole(gateway: SqlGateway) -> None:
    body = text_command(value="0123456789abcdef" * 750_000)
    assert gateway.submit(body).status_code == 200
    assert gateway.upstream.bodies == [body]


def test_practice_without_time_zone_is_served_and_left_alone() -> None:
    path = f"/integrator/sites/{UNKNOWN_SITE}/queries/immediate"
    with sql_gateway(sites={}) as gateway:
        assert gateway.ask("POST", path, text_command()).status_code == 200
        gateway.upstream.answers["/"] = OFFLINE
        assert gateway.ask("POST", path, text_command()).json() == OFFLINE.body
        assert gateway.code(gateway.ask("POST", path, text_command())) == "practice-circuit-open"
        assert len(gateway.upstream.sent) == 2


SELECT, INSERT = text_command("SELECT Id FROM [Letters]"), text_command("INSERT INTO Letters VALUES (1)")
PROCEDURE = SELECT.replace(b'"text",', b'"storedProcedure",', 1)
UNKNOWN = (504, "write-outcome-unknown")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (413, envelope(413, "QueryResultsTooLarge"), (413, "result-too-large")),
        (406, envelope(406, "QueryNotAcceptable"), (503, "practice-result-lost")),
        (504, envelope(504, "Query took more than 30 seconds"), (504, "practice-query-timeout")),
        (400, details("haloLink", 5, "-"), (503, "practice-upload-failed")),
        (200, {"status": "executionFailed", **details("haloLink", 2, "-")}, (503, "practice-result-lost")),
    ],
)
def test_failure_keeps_its_meaning_only_for_a_proved_select(
    status: int, body: dict[str, object], expected: tuple[int, str]
) -> None:
    for content, action, result in (
        (SELECT, "immediate", expected),
        (INSERT, "immediate", UNKNOWN),
        (PROCEDURE, "immediate", UNKNOWN),
        (SELECT, "registered", UNKNOWN),
    ):
        with sql_gateway() as gateway:
            gateway.upstream.answers["POST"] = Answer(status, body)
            response = gateway.submit(content, action, **FHIR)
            assert (response.status_code, gateway.code(response)) == result
            assert len(gateway.upstream.sent) == 1
            assert gateway.submit(content, action, Ocp_Apim_Subscription_Key="other").json() == body


@pytest.mark.parametrize(
    ("body", "status", "code", "retry_after"),
    [
        ({"status": "initialisationFailedCacheError"}, 503, "sql-not-prepared", "10"),
        ({"status": "initialisationFailedSiteOffline"}, 503, "practice-offline", "300"),
        ({"status": "initialisationFailedSiteUnreachable"}, 503, "practice-unreachable", "30"),
        ({"status": "expiredInQueue"}, 503, "sql-expired-in-queue", "30"),
        ({"status": "uploadFailed"}, 504, "write-outcome-unknown", None),
        ({"status": "uploadFailed", **details("haloLink", 5, "-")}, 504, "write-outcome-unknown", None),
        ({"status": "executionFailed", **details("mssql", 207, "No")}, 400, "sql-refused", None),
        ({"status": "executionFailed", **details("haloLink", 0, "No")}, 504, "write-outcome-unknown", None),
    ],
)
def test_failed_state_of_a_polled_query(
    gateway: SqlGateway, body: dict[str, object], status: int, code: str, retry_after: str | None
) -> None:
    gateway.upstream.answers["GET"] = Answer(body=body)
    response = gateway.poll(**FHIR)
    assert (response.status_code, gateway.code(response)) == (status, code)
    assert response.headers.get("retry-after") == retry_after
    assert (gateway.poll().status_code, gateway.poll().json()) == (200, body)
    assert len(gateway.upstream.sent) == 3  # a poll that was answered is not repeated
    gateway.upstream.answers.clear()
    assert gateway.submit().status_code == 200  # what happened to an earlier query stops no other


@pytest.mark.parametrize("state", ["initialising", "queued", "executing", "uploading", "successful"])
def test_other_states_are_no_failures(gateway: SqlGateway, state: str) -> None:
    gateway.upstream.answers["GET"] = Answer(body={"status": state})
    assert gateway.poll(**FHIR).json() == {"status": state}
